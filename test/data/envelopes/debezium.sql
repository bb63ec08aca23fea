DROP DATABASE IF EXISTS env; CREATE DATABASE env; USE env;
CREATE TABLE types (
 id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
 ti tinyint, tiu tinyint unsigned, b1 tinyint(1), bo boolean, si smallint unsigned, mi mediumint, iu int unsigned, bi bigint, biu bigint unsigned,
 de decimal(20,4), de0 decimal(5,0), big decimal(65,30), fl float, db double, bit1 bit(1), bit9 bit(9), bit64 bit(64),
 d date, dt datetime, dt3 datetime(3), dt6 datetime(6), ts timestamp NULL, ts6 timestamp(6) NULL, t0 time, t3 time(3), t6 time(6), y year,
 c char(5), vc varchar(20) NOT NULL DEFAULT 'x', tx text, bin binary(4), vb varbinary(10), bl blob,
 en enum('a','b','c'), st set('x','y','z'), js json, pt point, ge geometry);
INSERT INTO types VALUES (1, -128, 255, 1, 0, 65535, -8388608, 4294967295, -9223372036854775808, 18446744073709551615,
 -1234567890123456.7891, 99999, 12345678901234567890123456789012345.123456789012345678901234567890, 1.5, 2.25e100, b'1', b'101010101', b'1000000000000000000000000000000000000000000000000000000000000001',
 '2024-02-29', '1999-12-31 23:59:59', '2024-06-01 12:34:56.789', '2024-06-01 12:34:56.123456', '2024-06-01 12:00:00', '2024-06-01 12:00:00.654321', '-838:59:59', '12:34:56.789', '23:59:59.999999', 2024,
 'ab', 'Größe €', 'text "quoted"\n', x'00ff10', x'deadbeef', x'0001fe', 'b', 'x,z', '{"k": [1, 2.5, null, "ä"]}', ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('LINESTRING(0 0,1 1,2 5)'));
INSERT INTO types (id) VALUES (2);
CREATE TABLE pair (a int, b varchar(10), v text, PRIMARY KEY (b, a));
INSERT INTO pair VALUES (1,'k1','one'),(2,'k2',NULL);
CREATE TABLE nokey (x int, y text);
INSERT INTO nokey VALUES (1,'a'),(1,'a');
-- streamed
USE env;
BEGIN; INSERT INTO pair VALUES (3,'k3','three'); UPDATE pair SET v='two' WHERE a=2; COMMIT;
UPDATE pair SET a=10 WHERE b='k1';
DELETE FROM pair WHERE b='k2';
UPDATE types SET de=0.0001, d='1969-12-31', dt='1969-12-31 23:59:59', dt3='2024-06-01 12:34:56.001', t0='-00:00:01', ts='2038-01-19 03:14:07', en='c', st='', js='[]', bit9=b'1', bl='', vb=NULL WHERE id=1;
INSERT INTO types (id, t0, t6, y, d, dt6, de, big, fl, js) VALUES (3, '838:59:59', '-838:59:58.999999', 1901, '9999-12-31', '9999-12-31 23:59:59.999999', -0.5, -0.000000000000000000000000000001, 3.4e38, '"s"');
UPDATE nokey SET y='b' LIMIT 1;
DELETE FROM nokey WHERE y='a';
ALTER TABLE pair ADD COLUMN extra decimal(6,2) NOT NULL DEFAULT 1.50 AFTER a;
INSERT INTO pair VALUES (4, 9.99, 'k4', 'four');
CREATE TABLE later (id bigint PRIMARY KEY, n varchar(3));
INSERT INTO later VALUES (1,'abc');
TRUNCATE TABLE later;
DROP TABLE later;
DELETE FROM types WHERE id=2;
