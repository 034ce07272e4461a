//! The functions that are called, and their types: those of the headers of MIT krb5 1.17 and later.
#![allow(non_camel_case_types, non_snake_case, clippy::upper_case_acronyms)]

use crate::sys::library::{functions, opaque};
use std::ffi::{c_char, c_int, c_long, c_uint, c_void};

opaque! {
    _krb5_ccache _krb5_context _krb5_get_init_creds_opt _krb5_kt _profile_t krb5_principal_data
}

/// Always null here, so its arguments do not matter: nobody is there to be prompted.
pub(super) type krb5_prompter_fct = Option<unsafe extern "C" fn()>;

/// Room for structures that are filled and emptied by the library, and of which nothing is read here: the headers have
/// them as at most half as long, so that a later library may add members.
macro_rules! room {
    ($($name:ident: $bytes:literal;)*) => {
        $(
            #[repr(C, align(16))]
            pub(super) struct $name([u8; $bytes]);

            impl $name {
                /// All zeros, as the library expects it.
                pub(super) const fn zeroed() -> Self {
                    Self([0; $bytes])
                }
            }
        )*

        /// Each with its bytes.
        #[cfg(test)]
        pub(super) const ROOM: &[(&str, usize)] = &[$((stringify!($name), $bytes),)*];
    };
}

room! {
    krb5_creds: 512;
    krb5_keytab_entry: 128;
    krb5_verify_init_creds_opt: 64;
}

functions! {
    /// libkrb5.
    Krb5 {
        fn krb5_get_default_config_files(*mut *mut *mut c_char) -> c_int;
        fn krb5_free_config_files(*mut *mut c_char);
        fn profile_init(*mut *const c_char, *mut *mut _profile_t) -> c_long;
        fn krb5_init_context_profile(*mut _profile_t, c_int, *mut *mut _krb5_context) -> c_int;
        fn krb5_free_context(*mut _krb5_context);
        fn krb5_get_error_message(*mut _krb5_context, c_int) -> *const c_char;
        fn krb5_free_error_message(*mut _krb5_context, *const c_char);

        fn krb5_get_default_realm(*mut _krb5_context, *mut *mut c_char) -> c_int;
        fn krb5_free_default_realm(*mut _krb5_context, *mut c_char);
        fn krb5_get_profile(*mut _krb5_context, *mut *mut _profile_t) -> c_int;
        fn profile_get_subsection_names(*mut _profile_t, *mut *const c_char, *mut *mut *mut c_char) -> c_long;
        fn profile_get_string(*mut _profile_t, *const c_char, *const c_char, *const c_char, *const c_char, *mut *mut c_char) -> c_long;
        fn profile_release_string(*mut c_char);
        fn profile_free_list(*mut *mut c_char);
        fn profile_release(*mut _profile_t);

        fn krb5_parse_name(*mut _krb5_context, *const c_char, *mut *mut krb5_principal_data) -> c_int;
        fn krb5_sname_to_principal(*mut _krb5_context, *const c_char, *const c_char, c_int, *mut *mut krb5_principal_data) -> c_int;
        fn krb5_unparse_name(*mut _krb5_context, *const krb5_principal_data, *mut *mut c_char) -> c_int;
        fn krb5_free_unparsed_name(*mut _krb5_context, *mut c_char);
        fn krb5_free_principal(*mut _krb5_context, *mut krb5_principal_data);

        fn krb5_kt_resolve(*mut _krb5_context, *const c_char, *mut *mut _krb5_kt) -> c_int;
        fn krb5_kt_default(*mut _krb5_context, *mut *mut _krb5_kt) -> c_int;
        fn krb5_kt_get_name(*mut _krb5_context, *mut _krb5_kt, *mut c_char, c_uint) -> c_int;
        fn krb5_kt_get_entry(*mut _krb5_context, *mut _krb5_kt, *const krb5_principal_data, c_uint, c_int, *mut krb5_keytab_entry) -> c_int;
        fn krb5_free_keytab_entry_contents(*mut _krb5_context, *mut krb5_keytab_entry) -> c_int;
        fn krb5_kt_close(*mut _krb5_context, *mut _krb5_kt) -> c_int;

        fn krb5_get_init_creds_password(*mut _krb5_context, *mut krb5_creds, *mut krb5_principal_data, *const c_char, krb5_prompter_fct, *mut c_void, c_int, *const c_char, *mut _krb5_get_init_creds_opt) -> c_int;
        fn krb5_get_init_creds_keytab(*mut _krb5_context, *mut krb5_creds, *mut krb5_principal_data, *mut _krb5_kt, c_int, *const c_char, *mut _krb5_get_init_creds_opt) -> c_int;
        fn krb5_verify_init_creds_opt_init(*mut krb5_verify_init_creds_opt);
        fn krb5_verify_init_creds_opt_set_ap_req_nofail(*mut krb5_verify_init_creds_opt, c_int);
        fn krb5_verify_init_creds(*mut _krb5_context, *mut krb5_creds, *mut krb5_principal_data, *mut _krb5_kt, *mut *mut _krb5_ccache, *mut krb5_verify_init_creds_opt) -> c_int;
        fn krb5_free_cred_contents(*mut _krb5_context, *mut krb5_creds);
    }
}

/// The kind of principal whose second part is the name of a host, which is looked up in the DNS and made canonical as
/// krb5.conf says.
pub(super) const KRB5_NT_SRV_HST: c_int = 3;
