--
-- cdc.read_binlog_file(): files of a real server (MySQL 9.7), one with full row
-- metadata and one with little; cut off and damaged ones.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
\pset format unaligned

-- a scratch file in the data directory
CREATE FUNCTION put_file(contents bytea) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    lo oid := lo_from_bytea(0, contents);
BEGIN
    PERFORM lo_export(lo, 'regress_cdc.000001');
    PERFORM lo_unlink(lo);
END $$;
CREATE TABLE file (name text, contents bytea);
INSERT INTO file VALUES ('full', decode('
/mJpblPoAGsPYQAAAHsAAAB/AAAAAAAEADkuNy40LTIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
U+gAaxMADQAIAAAAAAQABAAAAGMABBoIAAAAAAAAAgAAAAoKCioqABI0AAooAAABbZM7rlPoAGsjYQAAAB8AAACeAAAAgAABAAAA
AAAAAVZ7FMFT6ABrIWEAAABNAAAA6wAAAAAAAVV2JjHlQhHxgUwC/AAAAAEBAAAAAAAAAAIAAAAAAAAAAAEAAAAAAAAAAcL9mL5g
BtdQYgEAjYJ5LVPoAGsCYQAAAIoAAAB1AQAACADeAAAAAAAAAAQAAC8AAAAAAAABIACgRQAAAAAGA3N0ZAT/AP8A/wAMAWNfZzYA
EVYgAAAAAAAAEv8AFABjX2c2AENSRUFURSBEQVRBQkFTRSBjX2c2IERFRkFVTFQgQ0hBUkFDVEVSIFNFVCB1dGY4bWI0g+wf2FPo
AGshYQAAAE0AAADCAQAAAAABVXYmMeVCEfGBTAL8AAAAAQIAAAAAAAAAAgEAAAAAAAAAAgAAAAAAAAD09v2YvmAG11BiAQCV7Gjo
U+gAawJhAAAAigAAAEwCAAAAAN4AAAAAAAAABAAALwAAAAAAAAEgAKBFAAAAAAYDc3RkBP8A/wD/AAwBY19nNgARXCAAAAAAAAAS
/wATAGNfZzYAQ1JFQVRFIFRBQkxFIHEgKGlkIGludCBwcmltYXJ5IGtleSwgdiB2YXJjaGFyKDUwKSkSWyqkU+gAayFhAAAATwAA
AJsCAAAAAABVdiYx5UIR8YFMAvwAAAABAwAAAAAAAAACAgAAAAAAAAADAAAAAAAAAIb9/Zi+YAb8agFQYgEA9nNfslPoAGsCYQAA
AEsAAADmAgAACADeAAAAAAAAAAQAAB0AAAAAAAABIACgRQAAAAAGA3N0ZAT/AP8A/wAS/wBjX2c2AEJFR0lOSqYTzVPoAGsdYQAA
ADwAAAAiAwAAgAAASU5TRVJUIElOVE8gcSBWQUxVRVMgKDEsJ2EnKSwoMiwnYicpQ6wPgFPoAGsTYQAAAEQAAABmAwAAAACRBAAA
AAABAARjX2c2AAFxAAIDDwLIAAIBAQACA/z/AAQFAmlkAXYIAQAMAcB854N5U+gAax5hAAAAMQAAAJcDAAAAAJEEAAAAABEAAgAC
/wABAAAAAWEAAgAAAAFiQzwgilPoAGsQYQAAAB8AAAC2AwAAAABeIAAAAAAAAP4jKCVT6ABrIWEAAABPAAAABQQAAAAAAFV2JjHl
QhHxgUwC/AAAAAEEAAAAAAAAAAIDAAAAAAAAAAQAAAAAAAAAiwb+mL5gBvyvBlBiAQB6e80bU+gAawJhAAAAVAAAAFkEAAAIAN4A
AAAAAAAABAAAJgAAAAAAAAEgAKBFAAAAAAYDc3RkBP8A/wD/AAkBAAAAAAAAABL/AGNfZzYAQkVHSU68WinJU+gAax1hAAAAPwAA
AJgEAACAAABVUERBVEUgcSBTRVQgdj0n5Lit5paHIPCfmIAnIFdIRVJFIGlkPTG17+mrU+gAaxNhAAAARAAAANwEAAAAAJEEAAAA
AAEABGNfZzYAAXEAAgMPAsgAAgEBAAID/P8ABAUCaWQBdggBAAwBwEbJBGpT6ABrH2EAAAA8AAAAGAUAAAAAkQQAAAAAEQACAAL/
/wABAAAAAWEAAQAAAAvkuK3mlocg8J+YgCKRi8xT6ABrHWEAAAAwAAAASAUAAIAAAERFTEVURSBGUk9NIHEgV0hFUkUgaWQ9MsVc
4mpT6ABrE2EAAABEAAAAjAUAAAAAkQQAAAAAAQAEY19nNgABcQACAw8CyAACAQEAAgP8/wAEBQJpZAF2CAEADAHAoNYRrFPoAGsg
YQAAACoAAAC2BQAAAACRBAAAAAARAAIAAv8AAgAAAAFiku4GKlPoAGsdYQAAACIEAADYCQAAgAAASU5TRVJUIElOVE8gcSBWQUxV
RVMgKDMsJ3gnKSAvKiBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBs
b25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBs
b25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBs
b25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBs
b25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBs
b25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBs
b25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBs
b25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBs
b25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBs
b25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBs
b25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBs
b25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBs
b25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBs
b25nIGxvbmcgbG9uZyBsb25nIGxvbmcgbG9uZyBsb25nIGxvbmcgKi8GDAIyU+gAaxNhAAAARAAAABwKAAAAAJEEAAAAAAEABGNf
ZzYAAXEAAgMPAsgAAgEBAAID/P8ABAUCaWQBdggBAAwBwNhDnsZT6ABrHmEAAAAqAAAARgoAAAAAkQQAAAAAEQACAAL/AAMAAAAB
eNxPp0tT6ABrEGEAAAAfAAAAZQoAAAAAYiAAAAAAAACAbsaoU+gAayFhAAAATwAAALQKAAAAAABVdiYx5UIR8YFMAvwAAAABBQAA
AAAAAAACAgAAAAAAAAAFAAAAAAAAAJQK/pi+YAb8KQFQYgEAyYiYUVPoAGsCYQAAAEsAAAD/CgAACADeAAAAAAAAAAQAAB0AAAAA
AAABIACgRQAAAAAGA3N0ZAT/AP8A/wAS/wBjX2c2AEJFR0lOFKB/DlPoAGsTYQAAAEQAAABDCwAAAACRBAAAAAABAARjX2c2AAFx
AAIDDwLIAAIBAQACA/z/AAQFAmlkAXYIAQAMAcDZD+L8U+gAax5hAAAALAAAAG8LAAAAAJEEAAAAABEAAgAC/wAEAAAAA29mZnG8
TnVT6ABrEGEAAAAfAAAAjgsAAAAAbCAAAAAAAAAR/kwgU+gAawRhAAAALAAAALoLAAAAAAQAAAAAAAAAYmlubG9nLjAwMDAwMju5
txY=
', 'base64'));
INSERT INTO file VALUES ('minimal', decode('
/mJpblToAGsPYQAAAHsAAAB/AAAAAAAEADkuNy40LTIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
VOgAaxMADQAIAAAAAAQABAAAAGMABBoIAAAAAAAAAgAAAAoKCioqABI0AAooAAAB0rDQ0FToAGsjYQAAAB8AAACeAAAAgAABAAAA
AAAAAdA9wRNU6ABrIWEAAABNAAAA6wAAAAAAAVV2JjHlQhHxgUwC/AAAAAEBAAAAAAAAAAIAAAAAAAAAAAEAAAAAAAAA1M4Vmb5g
BtRQYgEASe9kPVToAGsCYQAAAIcAAAByAQAACADkAAAAAAAAAAMAAC4AAAAAAAABIACgRQAAAAAGA3N0ZAT/AP8A/wAMAWNfaQAR
MSEAAAAAAAAS/wAUAGNfaQBDUkVBVEUgREFUQUJBU0UgY19pIERFRkFVTFQgQ0hBUkFDVEVSIFNFVCB1dGY4bWI0af20ClToAGsh
YQAAAE8AAADBAQAAAAABVXYmMeVCEfGBTAL8AAAAAQIAAAAAAAAAAgEAAAAAAAAAAgAAAAAAAAAXBxaZvmAG/AICUGIBAFtCr5ZU
6ABrAmEAAACzAQAAdAMAAAAA5AAAAAAAAAADAAAwAAAAAAAAASAAoEUAAAAABgNzdGQE/wD/AP8ADAFjX2kAEAERNyEAAAAAAAAS
/wATAGNfaQBDUkVBVEUgVEFCTEUgbW0gKGlkIGludCB1bnNpZ25lZCBwcmltYXJ5IGtleSwgYSBiaWdpbnQgdW5zaWduZWQsIGIg
dmFyY2hhcigyMCkgY2hhcmFjdGVyIHNldCBnYmssIGUgZW51bSgneCcsJ3knKSwgcyBzZXQoJ3AnLCdxJyksIGcgcG9pbnQsIGog
anNvbiwgdCB0ZXh0IGNoYXJhY3RlciBzZXQgdWNzMiwgYmwgYmxvYiwgZiBmbG9hdCwgdG0gdGltZXN0YW1wKDMpIE5VTEwsIGJ0
IGJpdCgxMCksIGJuIGJpbmFyeSg0KSwgdmIgdmFyYmluYXJ5KDkpLCBkIGRlY2ltYWwoMjAsNSksIHkgeWVhciwgdGkgdGltZSg2
KSwgdSB0aW55aW50IHVuc2lnbmVkLCBsdCBjaGFyKDkpIGNoYXJhY3RlciBzZXQgbGF0aW4xKe1gCrBU6ABrIWEAAABPAAAAwwMA
AAAAAFV2JjHlQhHxgUwC/AAAAAEDAAAAAAAAAAICAAAAAAAAAAMAAAAAAAAAwA8Wmb5gBvzLAVBiAQBcLxcwVOgAawJhAAAAUgAA
ABUEAAAIAOQAAAAAAAAAAwAAJQAAAAAAAAEgAKBFAAAAAAYDc3RkBP8A/wD/AAUGU1lTVEVNEv8AY19pAEJFR0lOGz+hbVToAGsT
YQAAAGUAAAB6BAAAAADSBAAAAAABAANjX2kAAm1tABMDCA/+/v/1/PwEERD+D/YNEwH+FygA9wH4AQQEAgIEAwIB/gQJABQFBv4J
/v8HAQHMAwYcIz8/PwgHAQGXqG5QVOgAax5hAAAApgAAACAFAAAAANIEAAAAABEAAgAT////AAAA////////////////BNbQzsQC
AxkAAAAAAAAAAQEAAAAAAAAAAADwPwAAAAAAAABAFAAAAAABABMACwABAAIMAGEBAAcABQEABABOLWWHAgAA/wAAwD9lkgCABM4C
qgFhAmIAf//////Pxv72zXx/73z///z/Aen+/wcBAAAAep4DflToAGsQYQAAAB8AAAA/BQAAAAA5IQAAAAAAABEIZAZU6ABrIWEA
AABPAAAAjgUAAAAAAFV2JjHlQhHxgUwC/AAAAAEEAAAAAAAAAAIDAAAAAAAAAAQAAAAAAAAAShUWmb5gBvxlAVBiAQAZAcxHVOgA
awJhAAAAUwAAAOEFAAAIAOQAAAAAAAAAAwAAJgAAAAAAAAEgAKBFAAAAAAYDc3RkBP8A/wD/AAkBAAAAAAAAABL/AGNfaQBCRUdJ
TvrAXwBU6ABrE2EAAABlAAAARgYAAAAA0gQAAAAAAQADY19pAAJtbQATAwgP/v7/9fz8BBEQ/g/2DRMB/hcoAPcB+AEEBAICBAMC
Af4ECQAUBQb+Cf7/BwEBzAMGHCM/Pz8IBwEBta+maVToAGsfYQAAAD8AAACFBgAAAADSBAAAAAARAAIAE/////////7/BwEAAAD8
/wUBAAAAAQAAAAAAAACA8u5TNVToAGsQYQAAAB8AAACkBgAAAAA7IQAAAAAAAMGLclNU6ABrIWEAAABNAAAA8QYAAAAAAVV2JjHl
QhHxgUwC/AAAAAEFAAAAAAAAAAIEAAAAAAAAAAUAAAAAAAAADSMWmb5gBstQYgEAaEY7JlToAGsCYQAAAH4AAABvBwAAAADkAAAA
AAAAAAMAAC4AAAAAAAABIACgRQAAAAAGA3N0ZAT/AP8A/wAMAWNfaQARPSEAAAAAAAAS/wATAGNfaQBBTFRFUiBUQUJMRSBtbSBB
REQgQ09MVU1OIHogaW50IEFGVEVSIGlkC3QJalToAGshYQAAAE8AAAC+BwAAAAAAVXYmMeVCEfGBTAL8AAAAAQYAAAAAAAAAAgUA
AAAAAAAABgAAAAAAAAB+LBaZvmAG/E4BUGIBAAi7ecxU6ABrAmEAAABKAAAACAgAAAgA5AAAAAAAAAADAAAdAAAAAAAAASAAoEUA
AAAABgNzdGQE/wD/AP8AEv8AY19pAEJFR0lOOSZm2FToAGsTYQAAAGYAAABuCAAAAADUBAAAAAABAANjX2kAAm1tABQDAwgP/v7/
9fz8BBEQ/g/2DRMB/hcoAPcB+AEEBAICBAMCAf4ECQAUBQb+Cf7/DwEBpgMGHCM/Pz8IBwEBn9IJMlToAGseYQAAADAAAACeCAAA
AADUBAAAAAARAAIAFP////z/DwIAAAD/////LaESiFToAGsQYQAAAB8AAAC9CAAAAAA/IQAAAAAAAKdKOuVU6ABrIWEAAABPAAAA
DAkAAAAAAFV2JjHlQhHxgUwC/AAAAAEHAAAAAAAAAAIFAAAAAAAAAAcAAAAAAAAAvC4Wmb5gBvy9AVBiAQCUlbq7VOgAawJhAAAA
SgAAAFYJAAAIAOQAAAAAAAAAAwAAHQAAAAAAAAEgAKBFAAAAAAYDc3RkBP8A/wD/ABL/AGNfaQBCRUdJTtLthp5U6ABrE2EAAABm
AAAAvAkAAAAA1AQAAAAAAQADY19pAAJtbQAUAwMID/7+//X8/AQREP4P9g0TAf4XKAD3AfgBBAQCAgQDAgH+BAkAFAUG/gn+/w8B
AaYDBhwjPz8/CAcBAYZ6SYpU6ABrIGEAAACfAAAAWwoAAAAA1AQAAAAAEQACABT///8CAAD///////////////8E1tDOxAIDGQAA
AAAAAAABAQAAAAAAAAAAAPA/AAAAAAAAAEAUAAAAAAEAEwALAAEAAgwAYQEABwAFAQAEAE4tZYcCAAD/AADAP2WSAIAEzgKqAWEC
YgB//////8/G/vbNfH/vfP///P8B6XKWjZtU6ABrEGEAAAAfAAAAegoAAAAAQSEAAAAAAACdzrubVOgAayFhAAAATwAAAMkKAAAA
AABVdiYx5UIR8YFMAvwAAAABCAAAAAAAAAACBQAAAAAAAAAIAAAAAAAAAEIyFpm+YAb8ngFQYgEArYfOk1ToAGsCYQAAAEoAAAAT
CwAACADkAAAAAAAAAAMAAB0AAAAAAAABIACgRQAAAAAGA3N0ZAT/AP8A/wAS/wBjX2kAQkVHSU7N16xDVOgAaxNhAAAAswAAAMYL
AAAAANQEAAAAAAEAA2NfaQACbW0AFAMDCA/+/v/1/PwEERD+D/YNEwH+FygA9wH4AQQEAgIEAwIB/gQJABQFBv4J/v8PAQGmAwYc
Iz8/PwgHAQEEMAJpZAF6AWEBYgFlAXMBZwFqAXQCYmwBZgJ0bQJidAJibgJ2YgFkAXkCdGkBdQJsdAoD/P8ABQUCAXABcQYFAgF4
AXkIAQAMA///8FG1OUtU6ABrHmEAAAAzAAAA+QsAAAAA1AQAAAAAEQACABT////0/w8DAAAABQAAAALW0AAJ/C9U6ABrEGEAAAAf
AAAAGAwAAAAARSEAAAAAAAA+VKfSVOgAawRhAAAALAAAAEQMAAAAAAQAAAAAAAAAYmlubG9nLjAwMDAwMoa8mpQ=
', 'base64'));

SELECT put_file(contents) FROM file WHERE name = 'full';
SELECT "position", gtid, source_ts, source_table, op, raw FROM cdc.read_binlog_file('regress_cdc.000001');
SELECT jsonb_pretty(event) FROM cdc.read_binlog_file('./regress_cdc.000001') WHERE op = 'u';
SELECT event->>'type' AS type, coalesce(event->>'sql', event->>'data') AS sql_or_data,
       event->>'xoffset' AS xoffset, event->>'commit' AS commit
  FROM cdc.read_binlog_file('regress_cdc.000001');

-- cut off: what is whole is there, and a WARNING says where the rest is not
SELECT put_file(substring(contents FOR 1400)) FROM file WHERE name = 'full';
SELECT max("position"), count(*) FROM cdc.read_binlog_file('regress_cdc.000001');
SELECT put_file(substring(contents FOR 588)) FROM file WHERE name = 'full';
SELECT max("position"), count(*) FROM cdc.read_binlog_file('regress_cdc.000001');
SELECT put_file(substring(contents FOR 2)) FROM file WHERE name = 'full';
SELECT count(*) FROM cdc.read_binlog_file('regress_cdc.000001');
SELECT put_file('');
SELECT count(*) FROM cdc.read_binlog_file('regress_cdc.000001');

-- damaged: an error with the place
SELECT put_file(set_byte(contents, 900, 0)) FROM file WHERE name = 'full';
SELECT count(*) FROM cdc.read_binlog_file('regress_cdc.000001');
SELECT put_file(set_byte(contents, 588 + 12, 7)) FROM file WHERE name = 'full';
SELECT count(*) FROM cdc.read_binlog_file('regress_cdc.000001');
SELECT put_file(overlay(contents PLACING '\x05000000'::bytea FROM 588 + 10)) FROM file WHERE name = 'full';
SELECT count(*) FROM cdc.read_binlog_file('regress_cdc.000001');
SELECT put_file('no binlog at all');
SELECT count(*) FROM cdc.read_binlog_file('regress_cdc.000001');
SELECT put_file('\xfd62696e00000000');
SELECT count(*) FROM cdc.read_binlog_file('regress_cdc.000001');

-- no file
SELECT count(*) FROM cdc.read_binlog_file('regress_cdc.999999');
SELECT count(*) FROM cdc.read_binlog_file('.');
SELECT count(*) FROM cdc.read_binlog_file(NULL);

-- without names in the file: placeholders; the last row's map has names
SELECT put_file(contents) FROM file WHERE name = 'minimal';
SELECT event->'data' AS data FROM cdc.read_binlog_file('regress_cdc.000001') WHERE op <> 's';

-- ... or what a subscription knows of its tables
CREATE SERVER archive FOREIGN DATA WRAPPER cdc_mysql OPTIONS (host '127.0.0.1', port '1');
CREATE TABLE archive_history (seq bigint);
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data,
                              enabled, options)
VALUES ('archive', current_user, 'archive', '{c_i.*}', '{}', 'maxwell', 'public.archive_history', false, false,
        '{"output_primary_key_columns": true}');
INSERT INTO cdc.table_version (subscription, source_table, version, from_seq, columns) VALUES
('archive', 'c_i.mm', 1, 1, '[{"name": "id", "column_type": "int unsigned", "nullable": false, "pk": 0},
 {"name": "a", "column_type": "bigint unsigned"},
 {"name": "b", "column_type": "varchar(20)", "charset": "gbk"},
 {"name": "e", "column_type": "enum(''x'',''y'')", "charset": "utf8mb4"},
 {"name": "s", "column_type": "set(''p'',''q'')", "charset": "utf8mb4"},
 {"name": "g", "column_type": "point"}, {"name": "j", "column_type": "json"},
 {"name": "t", "column_type": "text", "charset": "ucs2"}, {"name": "bl", "column_type": "blob"},
 {"name": "f", "column_type": "float"}, {"name": "tm", "column_type": "timestamp(3)"},
 {"name": "bt", "column_type": "bit(10)"}, {"name": "bn", "column_type": "binary(4)"},
 {"name": "vb", "column_type": "varbinary(9)"}, {"name": "d", "column_type": "decimal(20,5)"},
 {"name": "y", "column_type": "year"}, {"name": "ti", "column_type": "time(6)"},
 {"name": "u", "column_type": "tinyint unsigned"},
 {"name": "lt", "column_type": "char(9)", "charset": "latin1"}]'),
('archive', 'c_i.mm', 2, 5, '[{"name": "id", "column_type": "int unsigned", "nullable": false, "pk": 0},
 {"name": "z", "column_type": "int"}, {"name": "a", "column_type": "bigint unsigned"},
 {"name": "b", "column_type": "varchar(20)", "charset": "gbk"},
 {"name": "e", "column_type": "enum(''x'',''y'')", "charset": "utf8mb4"},
 {"name": "s", "column_type": "set(''p'',''q'')", "charset": "utf8mb4"},
 {"name": "g", "column_type": "point"}, {"name": "j", "column_type": "json"},
 {"name": "t", "column_type": "text", "charset": "ucs2"}, {"name": "bl", "column_type": "blob"},
 {"name": "f", "column_type": "float"}, {"name": "tm", "column_type": "timestamp(3)"},
 {"name": "bt", "column_type": "bit(10)"}, {"name": "bn", "column_type": "binary(4)"},
 {"name": "vb", "column_type": "varbinary(9)"}, {"name": "d", "column_type": "decimal(20,5)"},
 {"name": "y", "column_type": "year"}, {"name": "ti", "column_type": "time(6)"},
 {"name": "u", "column_type": "tinyint unsigned"},
 {"name": "lt", "column_type": "char(9)", "charset": "latin1"}]');
SELECT event->'primary_key_columns' AS key, event->'data' AS data
  FROM cdc.read_binlog_file('regress_cdc.000001', 'archive') WHERE op <> 's';
SELECT count(*) FROM cdc.read_binlog_file('regress_cdc.000001', 'unknown');

-- the subscription's options of events hold
UPDATE cdc.subscription SET options = '{"output_binlog_position": false, "output_gtid_position": false,
    "output_commit_info": false, "output_nulls": false, "output_server_id": true, "output_thread_id": true,
    "output_primary_keys": true, "output_row_query": true, "output_ddl": false}'
 WHERE name = 'archive';
SELECT op, event FROM cdc.read_binlog_file('regress_cdc.000001', 'archive');
SELECT put_file(contents) FROM file WHERE name = 'full';
SELECT op, event FROM cdc.read_binlog_file('regress_cdc.000001', 'archive');
UPDATE cdc.subscription SET options = '{"output_push_timestamp": true, "output_xoffset": false}' WHERE name = 'archive';
SELECT op, abs((event->>'push_ts')::numeric - extract(epoch FROM now())::numeric) < 600 AS now,
       event->'push_ts' = event->'ts' AS same, event ? 'xoffset' AS xoffset, event ? 'xid' AS xid
  FROM cdc.read_binlog_file('regress_cdc.000001', 'archive');

-- who may
CREATE ROLE regress_cdc_reader;
SET ROLE regress_cdc_reader;
SELECT count(*) FROM cdc.read_binlog_file('regress_cdc.000001');
RESET ROLE;
GRANT pg_read_server_files TO regress_cdc_reader;
SET ROLE regress_cdc_reader;
SELECT count(*) FROM cdc.read_binlog_file('regress_cdc.000001');
SELECT count(*) FROM cdc.read_binlog_file('regress_cdc.000001', 'archive');
RESET ROLE;

-- a pipe is not waited for
\! rm -f /tmp/regress_cdc_pipe.$PPID && mkfifo /tmp/regress_cdc_pipe.$PPID
\set pipe `echo /tmp/regress_cdc_pipe.$PPID`
SELECT set_config('regress_cdc.pipe', :'pipe', false) <> '' AS there;
SET statement_timeout = '20s';
DO $$ BEGIN
    PERFORM cdc.read_binlog_file(current_setting('regress_cdc.pipe'));
EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', SQLSTATE, replace(SQLERRM, current_setting('regress_cdc.pipe'), 'the pipe');
END $$;
RESET statement_timeout;
\! rm -f /tmp/regress_cdc_pipe.$PPID

SELECT put_file('');
DELETE FROM cdc.table_version WHERE subscription = 'archive';
DELETE FROM cdc.subscription WHERE name = 'archive';
DROP TABLE archive_history, file;
DROP SERVER archive;
DROP FUNCTION put_file(bytea);
DROP ROLE regress_cdc_reader;
