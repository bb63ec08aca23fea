/*-------------------------------------------------------------------------
 *
 * source/mysql_auth.c
 *	  Logging in to a server, with nothing left to the client library that
 *	  could give the password away.
 *
 * The libraries begin to authenticate before they know whether the connection
 * is encrypted as it should be, let a server choose the way, and hand the
 * password itself to a server that asks for it, or encrypt it with a key that
 * this very server gives them.  Therefore they do not get the password.  They are
 * told to use the plugin below, which no server knows: it looks at the
 * connection before anything is sent, and the server has to ask for another
 * way.  What may then be done over which connection is in one table, and done
 * here.  Whatever goes past the plugin, it is without a password.
 *
 * Formats: MySQL's internals manual, "Connection Phase" and "Authentication
 * Methods".
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "source/mysql_crypto.h"
#include "source/mysql_internal.h"
#if CDC_LIBMARIADB
#include <mysql/plugin_auth.h>

/*
 * From the library's mysql/client_plugin.h, which includes headers that it does not
 * install.
 */
#define MYSQL_CLIENT_AUTHENTICATION_PLUGIN	2
#define MYSQL_CLIENT_AUTHENTICATION_PLUGIN_INTERFACE_VERSION	0x0100

typedef struct AuthPlugin
{
	int			type;
	unsigned	interface_version;
	const char *name;
	const char *author;
	const char *desc;
	unsigned	version[3];
	const char *license;
	void	   *mysql_api;
	int			(*init) (char *, size_t, int, va_list);
	int			(*deinit) (void);
	int			(*options) (const char *, const void *);
	int			(*authenticate_user) (MYSQL_PLUGIN_VIO *vio, struct st_mysql *mysql);
} AuthPlugin;

struct st_mysql_client_plugin;
extern struct st_mysql_client_plugin *STDCALL mysql_client_find_plugin(struct st_mysql *, const char *, int);
extern struct st_mysql_client_plugin *STDCALL mysql_client_register_plugin(struct st_mysql *,
																		   struct st_mysql_client_plugin *);

typedef struct st_plugin_vio_info VioInfo;
#else
#include <client_plugin.h>

typedef struct auth_plugin_t AuthPlugin;
typedef struct MYSQL_PLUGIN_VIO_INFO VioInfo;
#endif

#define GATE_NAME		"cdc_ingest_gate"
#define MAX_SWITCHES	8		/* a server with several ways for an account tries them in turn */
#define SCRAMBLE_BYTES	20
#define ED25519_BYTES	32		/* of MariaDB's newer plugins */
#define SHA1_BYTES		20
#define SHA256_BYTES	32
#define BUFFER_BYTES	4096	/* the libraries' buffers are larger */

__thread CdcMysql *cdc_mysql_connecting;

typedef enum Packet
{
	PACKET_FAILED,				/* connection lost, or the server refused: the library has the error */
	PACKET_OK,
	PACKET_SWITCH,				/* the server wants another plugin */
	PACKET_DATA
} Packet;

/* One login. */
typedef struct Login
{
	CdcMysql   *conn;
	MYSQL	   *mysql;
	MYSQL_PLUGIN_VIO *vio;
	const char *password;
	bool		encrypted;
	unsigned char *data;		/* of the last packet */
	size_t		len;
} Login;

static bool
mode_is(const CdcMysql *conn, const char *mode)
{
	return strcasecmp(conn->options.ssl_mode ? conn->options.ssl_mode : "PREFERRED", mode) == 0;
}

static bool
promises_encryption(const CdcMysql *conn)
{
	return !mode_is(conn, "DISABLED") && !mode_is(conn, "PREFERRED");
}

/* Nobody is between us and the server that the user named. */
static bool
is_verified(const Login *login)
{
	return login->encrypted && mode_is(login->conn, "VERIFY_IDENTITY");
}

/* Nobody listens, as far as the mode cares. */
static bool
is_private(const Login *login)
{
	return login->encrypted || cdc_uses_socket(&login->conn->options);
}

static CdcStatus
not_encrypted(CdcMysql *conn, CdcError *err)
{
	cdc_error(err, CDC_ERR_CONFIG, "MySQL server \"%s\" offers no encrypted connections",
			  conn->address);
	cdc_error_detail(err, "The server option ssl_mode is %s.", conn->options.ssl_mode);
	cdc_error_hint(err, "Set up TLS at the source. If it has TLS, who answers is not it, or somebody in between takes its offer away.");
	return CDC_ERR_CONFIG;
}

CdcStatus
cdc_mysql_check_encrypted(CdcMysql *conn, CdcError *err)
{
	if (promises_encryption(conn) && mysql_get_ssl_cipher(conn->mysql) == NULL)
		return not_encrypted(conn, err);
	return CDC_OK;
}

static bool
refuse(Login *login, const char *what, const char *hint)
{
	CdcError   *err = &login->conn->auth_error;

	cdc_error(err, CDC_ERR_AUTH, "MySQL server \"%s\" %s", login->conn->address, what);
	cdc_error_hint(err, "%s", hint);
	return false;
}

static bool
malformed(Login *login)
{
	CdcError   *err = &login->conn->auth_error;

	cdc_error(err, CDC_ERR_PROTOCOL, "MySQL server \"%s\" sent a malformed packet while user \"%s\" logged in",
			  login->conn->address, login->conn->options.user ? login->conn->options.user : "");
	cdc_error_hint(err, "Check that the options host and port lead to a MySQL or MariaDB server.");
	return false;
}

static Packet
packet_kind(Login *login)
{
	switch (login->len > 0 ? login->data[0] : 0x2A)
	{
		case 0x00:
			return PACKET_OK;
		case 0xFE:
			return PACKET_SWITCH;
		case 0x01:
			login->data++;
			login->len--;
			return PACKET_DATA;
		default:
			return PACKET_DATA;
	}
}

/*
 * The first packet is read by the library, after it encrypted the connection, verified
 * the server and told it who we are.  It does not say how long the packet is, only
 * puts a zero behind it: what comes then in its buffer are bytes of what we sent.
 */
static Packet
read_first_packet(Login *login)
{
	NET		   *net = &login->mysql->net;

	net->read_pos = net->buff;
	(void) login->vio->read_packet(login->vio, &login->data);
	if (mysql_errno(login->mysql) != 0 || net->buff == NULL)
		return PACKET_FAILED;
	if (net->read_pos < net->buff || net->read_pos + BUFFER_BYTES > net->buff_end)
		return (void) malformed(login), PACKET_FAILED;
	login->data = net->read_pos;
	login->len = BUFFER_BYTES;
	return packet_kind(login);
}

static Packet
read_packet(Login *login)
{
	const uint8_t *data;

	if (!cdc_mysql_take_packet(login->mysql, &data, &login->len))
		return PACKET_FAILED;
	login->data = (unsigned char *) data;
	return packet_kind(login);
}

/*
 * For the library, which reads the last packet once more, but believes that it is as long as
 * the first: one that says nothing but that all is well.
 */
static bool
succeed(Login *login)
{
	static const unsigned char ok[] = {0, 0, 0, 2, 0, 0, 0};
	NET		   *net = &login->mysql->net;

	if (net->buff == NULL || net->buff_end - net->buff < BUFFER_BYTES)
		return malformed(login);
	memset(net->buff, 0, BUFFER_BYTES);
	memcpy(net->buff, ok, sizeof(ok));
	net->read_pos = net->buff;
	return true;
}

static bool
send_bytes(Login *login, const void *data, size_t len)
{
	return login->vio->write_packet(login->vio, data, (int) len) == 0;
}

/*
 * Proofs: the password goes into a hash with the server's random bytes.
 */

/*
 * native (SHA-1): H(p) xor H(scramble, H(H(p))); caching_sha2 (SHA-256) has the
 * scramble at the end.
 */
static bool
send_proof(Login *login, CdcHash kind, size_t bytes, const unsigned char *scramble, bool scramble_first)
{
	unsigned char once[CDC_MAX_DIGEST];
	unsigned char twice[CDC_MAX_DIGEST];
	unsigned char mask[CDC_MAX_DIGEST];
	CdcString	password = {login->password, strlen(login->password)};
	CdcString	first = {(char *) once, bytes};
	CdcString	both[2] = {{(const char *) scramble, SCRAMBLE_BYTES}, {(char *) twice, bytes}};
	size_t		i;
	bool		ok;

	if (!scramble_first)
	{
		both[1] = both[0];
		both[0].data = (char *) twice;
		both[0].len = bytes;
	}
	ok = cdc_crypto_hash(kind, &password, 1, once) && cdc_crypto_hash(kind, &first, 1, twice) &&
		cdc_crypto_hash(kind, both, 2, mask);
	for (i = 0; ok && i < bytes; i++)
		mask[i] ^= once[i];
	explicit_bzero(once, sizeof(once));
	explicit_bzero(twice, sizeof(twice));
	if (ok)
		return send_bytes(login, mask, bytes);
	cdc_error(&login->conn->auth_error, CDC_ERR_INTERNAL, "could not compute a hash of the password");
	return false;
}

/*
 * The password itself.
 */

static bool
send_in_clear(Login *login)
{
	return send_bytes(login, login->password, strlen(login->password) + 1);
}

/* Encrypted with the key that the user gave, never with one that came over the line. */
static bool
send_with_key(Login *login, const unsigned char *scramble)
{
	unsigned char clear[1024];
	unsigned char sealed[2048];
	size_t		len = strlen(login->password) + 1;
	size_t		sealed_len = sizeof(sealed);
	CdcError   *err = &login->conn->auth_error;
	size_t		i;
	CdcStatus	st;

	if (len > sizeof(clear))
		return cdc_error(err, CDC_ERR_CONFIG, "the password is too long"), false;
	for (i = 0; i < len; i++)
		clear[i] = (unsigned char) login->password[i] ^ scramble[i % SCRAMBLE_BYTES];
	st = cdc_crypto_encrypt(login->conn->options.server_public_key, clear, len, sealed, &sealed_len, err);
	explicit_bzero(clear, sizeof(clear));
	return !cdc_failed(st) && send_bytes(login, sealed, sealed_len);
}

static bool
send_password(Login *login, const unsigned char *scramble)
{
	if (is_private(login))
		return send_in_clear(login);
	if (login->conn->options.server_public_key != NULL)
		return send_with_key(login, scramble);
	return refuse(login, "asks for the password over a connection that is not encrypted",
				  "Set the server option ssl_mode to REQUIRED, or better to VERIFY_IDENTITY; without TLS, "
				  "server_public_key names a file with the server's public RSA key.");
}

/*
 * The plugins.  Each gets the server's random bytes, sends its answer and says
 * whether the server's verdict is to be read next.
 */

static bool
do_native(Login *login, const unsigned char *scramble)
{
	if (login->password[0] == '\0')
		return send_bytes(login, "", 0);
	return send_proof(login, CDC_SHA1, SHA1_BYTES, scramble, true);
}

static bool
do_sha256(Login *login, const unsigned char *scramble)
{
	if (login->password[0] == '\0')
		return send_bytes(login, "", 1);
	return send_password(login, scramble);
}

static bool
do_clear(Login *login, const unsigned char *scramble)
{
	(void) scramble;
	return send_in_clear(login);
}

/* Continued by answer_to_proof(). */
static bool
do_caching_sha2(Login *login, const unsigned char *scramble)
{
	if (login->password[0] == '\0')
		return send_bytes(login, "", 1);
	return send_proof(login, CDC_SHA256, SHA256_BYTES, scramble, false);
}

/* The server has the proof's hash in its cache, or asks for the password. */
static bool
answer_to_proof(Login *login, const unsigned char *scramble, bool *asked)
{
	enum
	{
		FAST_AUTH_SUCCESS = 3,
		PERFORM_FULL_AUTHENTICATION = 4
	};

	if (login->len == 1 && login->data[0] == FAST_AUTH_SUCCESS)
		return true;
	if (login->len != 1 || login->data[0] != PERFORM_FULL_AUTHENTICATION || *asked)
		return malformed(login);
	*asked = true;
	return send_password(login, scramble);
}

/*
 * A plugin of the library's that proves without giving away: it gets the
 * password while it runs, and its packets through here.
 */
typedef struct Relay
{
	MYSQL_PLUGIN_VIO vio;		/* first: the plugin knows only this */
	Login	   *login;
	const unsigned char *scramble;	/* to be read first */
	size_t		scramble_len;
	Packet		last;
} Relay;

static int
relay_read(MYSQL_PLUGIN_VIO *vio, unsigned char **data)
{
	Relay	   *relay = (Relay *) vio;

	if (relay->scramble != NULL)
	{
		*data = (unsigned char *) relay->scramble;
		relay->scramble = NULL;
		return (int) relay->scramble_len;
	}
	relay->last = read_packet(relay->login);
	*data = relay->login->data;
	return relay->last == PACKET_OK || relay->last == PACKET_DATA ? (int) relay->login->len : -1;
}

static int
relay_write(MYSQL_PLUGIN_VIO *vio, const unsigned char *data, int len)
{
	return send_bytes(((Relay *) vio)->login, data, len) ? 0 : 1;
}

static void
relay_info(MYSQL_PLUGIN_VIO *vio, VioInfo *info)
{
	Login	   *login = ((Relay *) vio)->login;

	login->vio->info(login->vio, info);
}

/* Returns what was read last; PACKET_DATA: the verdict is still to be read. */
static Packet
run_library_plugin(Login *login, const char *name, const unsigned char *scramble, size_t len)
{
	Relay		relay = {.vio = {.read_packet = relay_read,.write_packet = relay_write,.info = relay_info},
		.login = login,.scramble = scramble,.scramble_len = len,.last = PACKET_DATA};
	MYSQL	   *mysql = login->mysql;
	char	   *none = mysql->passwd;
	AuthPlugin *plugin;
	int			rc;

	plugin = (AuthPlugin *) mysql_client_find_plugin(mysql, name, MYSQL_CLIENT_AUTHENTICATION_PLUGIN);
	if (plugin == NULL)
		return PACKET_FAILED;	/* the library says which one and why */
	mysql->passwd = (char *) login->password;
	rc = plugin->authenticate_user(&relay.vio, mysql);
	mysql->passwd = none;
	if (rc == CR_OK)
		return PACKET_DATA;
	if (rc == CR_OK_HANDSHAKE_COMPLETE || relay.last == PACKET_SWITCH)
		return relay.last == PACKET_DATA ? PACKET_FAILED : relay.last;
	return PACKET_FAILED;
}

typedef struct Method
{
	const char *name;
	bool		(*run) (Login *login, const unsigned char *scramble);	/* NULL: the library's own */
	size_t		scramble;		/* random bytes of the server's */
	int			strings;		/* or texts, each with a zero */
	bool		needs_verified;
} Method;

static const Method methods[] = {
	{"mysql_native_password", do_native, SCRAMBLE_BYTES, 0, false},
	{"caching_sha2_password", do_caching_sha2, SCRAMBLE_BYTES, 0, false},
	{"sha256_password", do_sha256, SCRAMBLE_BYTES, 0, false},
	{"mysql_clear_password", do_clear, 0, 0, true},
#if CDC_LIBMARIADB
	/* signatures: the password never leaves */
	{"client_ed25519", NULL, ED25519_BYTES, 0, false},
	{"parsec", NULL, ED25519_BYTES, 0, false},
	{"auth_gssapi_client", NULL, 0, 2, false},
	/* PAM: the password itself */
	{"dialog", NULL, 0, 1, true},
#endif
};

static const Method *
find_method(Login *login, const char *name)
{
	char		shown[64];
	CdcError   *err = &login->conn->auth_error;
	size_t		i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
	{
		if (strcmp(methods[i].name, name) != 0)
			continue;
		if (!methods[i].needs_verified || is_verified(login))
			return &methods[i];
		(void) refuse(login, "asks for the password in clear text",
					  "Only a server with a verified name gets it: set the server option ssl_mode to VERIFY_IDENTITY, "
					  "or change the account's authentication plugin.");
		cdc_error_detail(err, "Its authentication plugin is %s.", name);
		return NULL;
	}
	cdc_clean_text(shown, sizeof(shown), name);
	(void) refuse(login, "asks for an authentication plugin that cannot be used here",
				  "Let the source's account use caching_sha2_password, sha256_password, mysql_native_password or ed25519.");
	cdc_error_detail(err, "The authentication plugin is \"%s\".", shown);
	return NULL;
}

/* Does what the server's packet asks for; returns the packet that ends it. */
static Packet
run_method(Login *login)
{
	unsigned char data[512];	/* the server's random bytes, as a rule */
	char		name[64];
	const Method *method;
	size_t		name_len;
	size_t		left;
	size_t		len;
	bool		asked = false;
	int			i;
	Packet		packet;

	name_len = strnlen((char *) login->data + 1, login->len - 1);
	if (name_len == 0)
	{
		(void) refuse(login, "asks for a way to log in that is not safe",
					  "Let the source's account use caching_sha2_password, mysql_native_password or ed25519.");
		return PACKET_FAILED;
	}
	if (name_len >= sizeof(name))
		return (void) malformed(login), PACKET_FAILED;
	memcpy(name, login->data + 1, name_len);
	name[name_len] = '\0';
	method = find_method(login, name);
	if (method == NULL)
		return PACKET_FAILED;

	/* behind the name and its zero */
	left = login->len - 1 - name_len;
	left = left > 0 ? left - 1 : 0;
	len = method->scramble;
	for (i = 0; i < method->strings && len < left; i++)
		len += strnlen((char *) login->data + 2 + name_len + len, left - len) + 1;
	if (len > left || len > sizeof(data))
		return (void) malformed(login), PACKET_FAILED;
	memcpy(data, login->data + 2 + name_len, len);

	if (method->run == NULL)
	{
		packet = run_library_plugin(login, name, data, len);
		return packet == PACKET_DATA ? read_packet(login) : packet;
	}
	if (!method->run(login, data))
		return PACKET_FAILED;
	while ((packet = read_packet(login)) == PACKET_DATA)
	{
		if (method->run != do_caching_sha2 ? !malformed(login) : !answer_to_proof(login, data, &asked))
			return PACKET_FAILED;
	}
	return packet;
}

static bool
log_in(Login *login)
{
	CdcMysql   *conn = login->conn;
	MYSQL	   *mysql = login->mysql;
	Packet		packet;
	int			i;

	/* before the first byte */
	if (promises_encryption(conn) && !(mysql->server_capabilities & CLIENT_SSL))
		return cdc_failed(not_encrypted(conn, &conn->auth_error)), false;

	packet = read_first_packet(login);
	if (packet != PACKET_FAILED && cdc_failed(cdc_mysql_check_encrypted(conn, &conn->auth_error)))
		return false;
	login->encrypted = mysql_get_ssl_cipher(mysql) != NULL;
	for (i = 0; packet == PACKET_SWITCH && i < MAX_SWITCHES; i++)
		packet = run_method(login);
	if (packet == PACKET_SWITCH || packet == PACKET_DATA)
		return malformed(login);
	return packet == PACKET_OK && succeed(login);
}

static int
authenticate(MYSQL_PLUGIN_VIO *vio, MYSQL *mysql)
{
	CdcMysql   *conn = cdc_mysql_connecting;
	Login		login = {.conn = conn,.mysql = mysql,.vio = vio};

	if (conn == NULL)			/* not ours: somebody else's connection in this process */
		return CR_ERROR;
	conn->auth_entered = true;
	login.password = conn->options.password ? conn->options.password : "";
	if (log_in(&login))
		return CR_OK_HANDSHAKE_COMPLETE;

	/* or the library would do what the server asked for */
	if (mysql->net.buff != NULL)
		*(mysql->net.read_pos = mysql->net.buff) = 0xFF;
	return CR_ERROR;
}

/* Later versions of the libraries look at more than the members that are known here. */
static struct
{
	AuthPlugin plugin;
	void	   *more[8];
} gate = {
	.plugin = {
		.type = MYSQL_CLIENT_AUTHENTICATION_PLUGIN,
		.interface_version = MYSQL_CLIENT_AUTHENTICATION_PLUGIN_INTERFACE_VERSION,
		.name = GATE_NAME,
		.author = "cdc_ingest",
		.desc = "looks at a connection before a password is sent over it",
		.version = {1, 0, 0},
		.license = "PostgreSQL",
		.authenticate_user = authenticate
	}
};

bool
cdc_mysql_auth_init(void)
{
	MYSQL	   *mysql = mysql_init(NULL);
	bool		ok;

	if (mysql == NULL)
		return false;
	ok = mysql_client_register_plugin(mysql, (struct st_mysql_client_plugin *) &gate.plugin) != NULL;
	mysql_close(mysql);
	return ok;
}

void
cdc_mysql_auth_prepare(CdcMysql *conn, MYSQL *mysql)
{
	memset(&conn->auth_error, 0, sizeof(conn->auth_error));
	conn->auth_entered = false;
	mysql_options(mysql, MYSQL_DEFAULT_AUTH, GATE_NAME);
}

/* After the library's connect, which went well or not. */
CdcStatus
cdc_mysql_auth_result(CdcMysql *conn, bool connected, CdcError *err)
{
	MYSQL	   *mysql = conn->mysql;

	if (cdc_failed(conn->auth_error.status) && !cdc_mysql_interrupted(conn))
	{
		if (err != NULL)
			*err = conn->auth_error;
		return conn->auth_error.status;
	}
	if (conn->auth_entered || (!connected && (mysql->server_capabilities == 0 ||
											  mysql->server_capabilities & CLIENT_PLUGIN_AUTH)))
		return connected ? CDC_OK : cdc_mysql_failure(conn, mysql, "connecting", err);
	cdc_error(err, CDC_ERR_AUTH, "MySQL server \"%s\" cannot be logged in to with authentication plugins",
			  conn->address);
	cdc_error_hint(err, "Its protocol is that of MySQL before 5.5.7, which is not safe, or something between here and there changes it.");
	return CDC_ERR_AUTH;
}
