# Sourced by what tries mechanisms on a machine that is made for it, as root: the servers that they ask, with the user anna and
# $PASSWORD, and the settings for each. The packages are those of mechanisms.sh; `eventually` is a function of the script.
#
# shellcheck shell=sh disable=SC2034,SC2154,SC2317 # what the scripts set; functions are called by their names

kerberos() {
    cat > /etc/krb5.conf <<'END'
[libdefaults]
 default_realm = EXAMPLE.ORG
 dns_lookup_kdc = false
 rdns = false
[realms]
 EXAMPLE.ORG = {
  kdc = 127.0.0.1
 }
END
    printf '[realms]\n EXAMPLE.ORG = {\n  max_life = 1h\n }\n' > /etc/krb5kdc/kdc.conf
    kdb5_util create -s -P master || return
    kadmin.local addprinc -pw "$PASSWORD" anna
    for principal in saslauthd/mail.example.org saslauthd ldap/mail.example.org; do
        kadmin.local addprinc -randkey "$principal" || return
    done
    kadmin.local ktadd -k /etc/saslauthd.keytab saslauthd/mail.example.org &&
        kadmin.local ktadd -k /etc/ldap.keytab saslauthd &&
        kadmin.local ktadd -k /etc/ldap/slapd.keytab ldap/mail.example.org &&
        systemctl restart krb5-kdc
}

# A directory that shows nothing to a stranger.
directory() {
    systemctl stop slapd
    cat > /etc/ldap/slapd.conf <<'END'
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
pidfile /run/slapd/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
sasl-host mail.example.org
sasl-realm EXAMPLE.ORG
authz-regexp "uid=saslauthd,(cn=[^,]*,)?cn=gssapi,cn=auth" "cn=saslauthd,dc=example,dc=org"
database mdb
suffix dc=example,dc=org
directory /var/lib/ldap/test
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact=cn=saslauthd,dc=example,dc=org read by * none
END
    mkdir /var/lib/ldap/test
    slapadd -f /etc/ldap/slapd.conf <<END || return
dn: dc=example,dc=org
objectClass: domain
dc: example

dn: uid=anna,dc=example,dc=org
objectClass: account
objectClass: simpleSecurityObject
uid: anna
userPassword: $PASSWORD
END
    chown -R openldap:openldap /var/lib/ldap/test /etc/ldap/slapd.keytab
    sed -i 's,^SLAPD_CONF=.*,SLAPD_CONF=/etc/ldap/slapd.conf,' /etc/default/slapd
    mkdir -p /etc/systemd/system/slapd.service.d
    printf '[Service]\nEnvironment=KRB5_KTNAME=/etc/ldap/slapd.keytab\n' > /etc/systemd/system/slapd.service.d/keytab.conf
    systemctl daemon-reload && systemctl start slapd
}

# A table with one user; at the socket an account goes by that of the system, over TCP by its password.
TABLE="CREATE TABLE users (login varchar(50), password varchar(50)); INSERT INTO users VALUES ('anna', '{PLAIN}$PASSWORD');"

postgresql() {
    systemctl start postgresql || return
    eventually as_postgres 'SELECT 1' &&
        as_postgres 'CREATE DATABASE mail' && as_postgres "$TABLE" mail &&
        as_postgres "CREATE ROLE saslauth LOGIN; CREATE ROLE saslauthd LOGIN PASSWORD 'secret'; GRANT SELECT ON users TO saslauth, saslauthd" mail
}
as_postgres() { (cd / && echo "$1" | setpriv --reuid=postgres --regid=postgres --init-groups psql --quiet --set=ON_ERROR_STOP=1 "${2:-postgres}"); }

mariadb() {
    systemctl start mariadb || return
    eventually in_mariadb 'SELECT 1' && in_mariadb "CREATE DATABASE mail; USE mail; $TABLE
        CREATE USER saslauth@localhost IDENTIFIED VIA unix_socket; GRANT SELECT ON mail.users TO saslauth@localhost;
        CREATE USER saslauthd@'%' IDENTIFIED BY 'secret'; GRANT SELECT ON mail.users TO saslauthd@'%'"
}
in_mariadb() { echo "$1" | command mariadb; }

sqlite() {
    install -d /var/lib/mail && echo "$TABLE" | sqlite3 /var/lib/mail/users.db && chown root:saslauth /var/lib/mail/users.db &&
        chmod 0640 /var/lib/mail/users.db
}

sasldb() { echo "$PASSWORD" | saslpasswd2 -p -c -u mail.example.org anna; }

# Whatever it says, no line of an earlier one is left.
settings() {
    cat > /etc/saslauthd.conf
    chown root:saslauth /etc/saslauthd.conf
    chmod 0640 /etc/saslauthd.conf
}
sql_settings() { # ENGINE USER SERVER...
    printf 'sql_engine: %s\nsql_user: %s\nsql_passwd: secret\nsql_database: mail\nsql_hostnames: %s\n' "$1" "$2" "$3" |
        { cat; echo "sql_select: SELECT password FROM users WHERE login = '%u'"; } | settings
}

# Those that map a library or ask a server by one.
mechanisms='kerberos5 sasldb postgresql-socket postgresql-tcp mariadb-socket mariadb-tcp sqlite ldap-gssapi'

# Lays out what belongs to one of them, and says what is in MECHANISMS.
mechanism() {
    settings < /dev/null
    case $1 in
        kerberos5)
            printf 'krb5_keytab: /etc/saslauthd.keytab\nkrb5_verify_principal: saslauthd\nkrb5_servername: mail.example.org\n' | settings
            echo kerberos5
            ;;
        sasldb) echo sasldb ;;
        postgresql-socket) sql_settings pgsql saslauth /run/postgresql; echo sql ;;
        postgresql-tcp) sql_settings pgsql saslauthd 127.0.0.1; echo sql ;;
        mariadb-socket) sql_settings mysql saslauth /run/mysqld/mysqld.sock; echo sql ;;
        mariadb-tcp) sql_settings mysql saslauthd 127.0.0.1; echo sql ;;
        sqlite)
            printf "sql_engine: sqlite\nsql_database: /var/lib/mail/users.db\nsql_select: SELECT password FROM users WHERE login = '%%u'\n" | settings
            echo sql
            ;;
        ldap-gssapi)
            printf 'ldap_%s\n' 'servers: ldap://mail.example.org' 'search_base: dc=example,dc=org' 'use_sasl: yes' 'mech: GSSAPI' \
                'auth_method: bind' 'krb5_keytab: /etc/ldap.keytab' | settings
            echo ldap
            ;;
    esac
}
