//! The functions of libgssapi_krb5 that are called, their types, and the numbers of its headers: RFC 2744 in MIT's form.
#![allow(non_camel_case_types)]

use crate::sys::library::{functions, opaque};
use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;

opaque! {
    gss_cred_id_struct gss_ctx_id_struct gss_name_struct gss_OID_set_desc_struct
}

/// `OM_uint32` of the headers.
pub(super) type OM_uint32 = u32;
pub(super) type gss_cred_id_t = *mut gss_cred_id_struct;
pub(super) type gss_ctx_id_t = *mut gss_ctx_id_struct;
pub(super) type gss_name_t = *mut gss_name_struct;
pub(super) type gss_OID = *mut gss_OID_desc;
pub(super) type gss_OID_set = *mut gss_OID_set_desc_struct;
pub(super) type gss_buffer_t = *mut gss_buffer_desc;
pub(super) type gss_buffer_set_t = *mut gss_buffer_set_desc;
pub(super) type gss_const_key_value_set_t = *const gss_key_value_set_desc;
/// Always null here.
pub(super) type gss_channel_bindings_t = *mut c_void;

/// Bytes: ours to read, or the library's, which frees them.
#[repr(C)]
pub(super) struct gss_buffer_desc {
    pub(super) length: usize,
    pub(super) value: *mut c_void,
}

impl gss_buffer_desc {
    /// For the library to put something in.
    pub(super) fn empty() -> Self {
        Self { length: 0, value: null_mut() }
    }

    /// Somebody else's bytes, which the library only reads and which have to stay as long as this.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
    }
}

/// Several of the library's, which frees them together.
#[repr(C)]
pub(super) struct gss_buffer_set_desc {
    pub(super) count: usize,
    pub(super) elements: *mut gss_buffer_desc,
}

/// An object identifier: the bytes of its DER, without tag and length.
#[repr(C)]
pub(super) struct gss_OID_desc {
    pub(super) length: OM_uint32,
    pub(super) elements: *mut c_void,
}

impl gss_OID_desc {
    pub(super) fn of(bytes: &'static [u8]) -> Self {
        Self {
            length: OM_uint32::try_from(bytes.len()).unwrap_or_default(),
            elements: bytes.as_ptr().cast_mut().cast(),
        }
    }
}

#[repr(C)]
pub(super) struct gss_key_value_element_desc {
    pub(super) key: *const c_char,
    pub(super) value: *const c_char,
}

#[repr(C)]
pub(super) struct gss_key_value_set_desc {
    pub(super) count: OM_uint32,
    pub(super) elements: *mut gss_key_value_element_desc,
}

functions! {
    /// libgssapi_krb5.
    Gssapi {
        fn gss_import_name(*mut OM_uint32, gss_buffer_t, gss_OID, *mut gss_name_t) -> OM_uint32;
        fn gss_release_name(*mut OM_uint32, *mut gss_name_t) -> OM_uint32;
        fn gss_acquire_cred_from(*mut OM_uint32, gss_name_t, OM_uint32, gss_OID_set, c_int, gss_const_key_value_set_t, *mut gss_cred_id_t, *mut gss_OID_set, *mut OM_uint32) -> OM_uint32;
        fn gss_release_cred(*mut OM_uint32, *mut gss_cred_id_t) -> OM_uint32;
        fn gss_init_sec_context(*mut OM_uint32, gss_cred_id_t, *mut gss_ctx_id_t, gss_name_t, gss_OID, OM_uint32, OM_uint32, gss_channel_bindings_t, gss_buffer_t, *mut gss_OID, gss_buffer_t, *mut OM_uint32, *mut OM_uint32) -> OM_uint32;
        fn gss_delete_sec_context(*mut OM_uint32, *mut gss_ctx_id_t, gss_buffer_t) -> OM_uint32;
        fn gss_unwrap(*mut OM_uint32, gss_ctx_id_t, gss_buffer_t, gss_buffer_t, *mut c_int, *mut u32) -> OM_uint32;
        fn gss_wrap(*mut OM_uint32, gss_ctx_id_t, c_int, u32, gss_buffer_t, *mut c_int, gss_buffer_t) -> OM_uint32;
        fn gss_wrap_size_limit(*mut OM_uint32, gss_ctx_id_t, c_int, u32, OM_uint32, *mut OM_uint32) -> OM_uint32;
        fn gss_inquire_sec_context_by_oid(*mut OM_uint32, gss_ctx_id_t, gss_OID, *mut gss_buffer_set_t) -> OM_uint32;
        fn gss_release_buffer_set(*mut OM_uint32, *mut gss_buffer_set_t) -> OM_uint32;
        fn gss_release_buffer(*mut OM_uint32, gss_buffer_t) -> OM_uint32;
        fn gss_display_status(*mut OM_uint32, OM_uint32, c_int, gss_OID, *mut OM_uint32, gss_buffer_t) -> OM_uint32;
    }
}

/// 1.2.840.113554.1.2.2: Kerberos 5, RFC 4121.
pub(super) const KERBEROS_5: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
/// `GSS_C_NT_HOSTBASED_SERVICE`, 1.2.840.113554.1.2.1.4: `service@host`.
pub(super) const HOST_BASED_SERVICE: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04";
/// `GSS_KRB5_NT_PRINCIPAL_NAME`, 1.2.840.113554.1.2.2.1: a principal as it is written.
pub(super) const PRINCIPAL: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01";
/// `GSS_C_SEC_CONTEXT_SASL_SSF`, 1.2.840.113554.1.2.2.5.15: how strong the encryption is, in four bytes.
pub(super) const SASL_SSF: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x0f";

/// Numbers of the headers.
macro_rules! constants {
    ($($name:ident: $kind:ty = $value:expr;)*) => {
        $(pub(super) const $name: $kind = $value;)*

        /// Each with its value.
        #[cfg(test)]
        pub(super) const CONSTANTS: &[(&str, i64)] = &[$((stringify!($name), $value as i64),)*];
    };
}

constants! {
    GSS_S_COMPLETE: OM_uint32 = 0;
    GSS_S_CONTINUE_NEEDED: OM_uint32 = 1;
    GSS_C_MUTUAL_FLAG: OM_uint32 = 2;
    GSS_C_SEQUENCE_FLAG: OM_uint32 = 8;
    GSS_C_CONF_FLAG: OM_uint32 = 16;
    GSS_C_INTEG_FLAG: OM_uint32 = 32;
    GSS_C_INITIATE: c_int = 1;
    GSS_C_INDEFINITE: OM_uint32 = 0xffff_ffff;
    GSS_C_QOP_DEFAULT: u32 = 0;
    GSS_C_GSS_CODE: c_int = 1;
    GSS_C_MECH_CODE: c_int = 2;
}
