# What a hint of pull from Kafka or of publish tells one to type is typed as it stands there, and
# ends in a history that has each message once, or in the messages that were to come; and no hint
# of what reads from Kafka and writes to it is forgotten here.
#
# Takes 25 s.
use strict;
use warnings;

use FindBin;
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Kafka;

my $kafka = CdcIngest::Kafka->new;
my $cluster = CdcIngest::Cluster->new('kafka_hints', preload => 0);
$cluster->do(q{CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '} . $kafka->bootstrap . q{')});

my %seen;    # file and function of hints that were seen

sub noted { my ($told) = @_; $seen{"$2 $1"} = 1 while $told =~ /^LOCATION: +(\w+), (\w+\.c)/mg; return $told }
sub fails { return noted($cluster->error_of($_[0])) }
sub list { return join ' ', map { join '|', map { $_ // '-' } @$_ } @{ $cluster->rows(@_) } }
sub pull { return fails("SELECT cdc.pull('$_[0]')") }

sub hint { my ($told) = @_; my ($hint) = $told =~ /HINT:\s+(.*?)(?:\nCONTEXT:|\nLOCATION:|\z)/s; return $hint // '' }

# The statements in a message's hint.
sub statements { return hint($_[0]) =~ /(SELECT (?:cdc\.\w+\((?:[^()']|'(?:[^']|'')*')*\)|(?:topic|subscription)\b[^;]*?'\w+'))/g }

sub typed
{
	my ($told, $which) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @statements = grep { !$which || /$which/ } statements($told);
	isnt(scalar @statements, 0, 'the hint has something to type') or diag $told;
	is(fails($_), '', $_) for @statements;
	return;
}

sub event { my ($table, $id, $database) = @_; $database //= 'd'; return [ "$table$id", qq({"database":"$database","table":"$table","type":"insert","ts":1700000000,"primary_key_columns":["id"],"data":{"id":$id,"v":"$table$id"}}) ] }

sub subscribe
{
	my ($name, %opt) = @_;
	return $cluster->call('create_subscription', name => $name, server => 'bus', enabled => \'false', history => "${name}_history", format => 'maxwell', options => '{"commit_boundary": "message"}', %opt);
}

# The rows of a history, each of which it has once.
sub ids
{
	my ($name, $expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($cluster->value("SELECT string_agg((event->'data'->>'v'), ' ' ORDER BY event->'data'->>'v') FROM ${name}_history"), $expected, $what);
}

subtest 'types that are guessed' => sub {
	my $row = sub { my ($id, $days, $total) = @_; return [ qq({"id":$id}), qq({"op":"c","before":null,"after":{"id":$id,"placed":$days,"total":"$total"},"ts_ms":1,"source":{"connector":"mysql","db":"d","table":"orders","ts_ms":1}}) ] };
	$kafka->create_topic('guess');
	$kafka->produce('guess', [ $row->(1, 19727, 'AVSGfQ=='), $row->(2, 19728, 'AQ==') ]);
	subscribe('guess', topics => ['guess'], format => 'debezium', target_schema => 'guess');
	my $told = noted($cluster->notices_of(q{SELECT cdc.pull('guess')}));
	like($told, qr/NOTICE: .*types of target guess\.orders of source table d\.orders are guessed\nDETAIL:.* total, placed are such/, 'a new replica of Debezium without schemas is told');
	is(list(q{SELECT message FROM cdc.log WHERE subscription = 'guess' AND kind = 'types'}), 'types of target guess.orders of source table d.orders are guessed', '... cdc.log too');
	is(fails(q{SELECT * FROM cdc.apply('guess')}), '', 'rows');
	is(list('SELECT placed, total FROM guess.orders ORDER BY id'), '19727|AVSGfQ== 19728|AQ==', '... are not what they are');
	my ($alter, $anew) = hint($told) =~ /(ALTER TABLE [^;]*;) (SELECT cdc\.[^;]*);/;
	$cluster->do($alter =~ s/total TYPE date/placed TYPE date/r, $alter =~ s/total TYPE date/total TYPE numeric(20,2)/r);
	is(fails($anew), '', $anew);
	is(list('SELECT placed, total FROM guess.orders ORDER BY id'), '2024-01-05|223166.69 2024-01-06|0.01', 'what is typed puts them right');
	$kafka->produce('guess', [ $row->(3, 19729, 'Ag==') ]);
	is(pull('guess') . fails(q{SELECT * FROM cdc.apply('guess')}), '', '... and the next ones');
	is(list('SELECT placed, total FROM guess.orders WHERE id = 3'), '2024-01-07|0.02', '... too');
	# a table that is there knows its types
	$kafka->create_topic('known');
	$kafka->produce('known', [ $row->(1, 19727, 'AQ==') ]);
	$cluster->do('CREATE SCHEMA known', 'CREATE TABLE known.orders (id int PRIMARY KEY, placed date, total numeric(20,2))');
	subscribe('known', topics => ['known'], format => 'debezium', target_schema => 'known');
	unlike($cluster->notices_of(q{SELECT cdc.pull('known')}), qr/guess/, 'a table that is there is no guess');
};

subtest 'what a partition has not' => sub {
	$kafka->create_topic('gap');
	$kafka->produce('gap', [ map { event('a', $_) } 1 .. 4 ]);
	subscribe('gap', topics => ['gap']);
	is($cluster->value(q{SELECT cdc.pull('gap', max_events := 1)}), 1, 'a message is read');
	$cluster->forget;
	$kafka->delete_records('gap', 0, 3);
	like(my $lost = pull('gap'), qr/2 messages of gap\/0 are lost/, 'two are lost');
	typed($lost);
	is(pull('gap'), '', 'goes on');
	ids('gap', 'a1 a4', 'behind the gap');
	# made anew, with fewer messages, or with more
	for my $n (2, 9)
	{
		$cluster->forget;
		$kafka->delete_topic('gap');
		$kafka->create_topic('gap');
		$kafka->produce('gap', [ map { event("n$n", $_) } 1 .. $n ]);
		like(my $other = pull('gap'), $n == 2 ? qr/ends before the position/ : qr/is not the one that/, "another topic of that name, with $n messages");
		typed($other, $n == 2 ? qr/\@0'/ : undef);
		is(pull('gap'), '', 'goes on');
		is($cluster->value("SELECT count(*) FROM gap_history WHERE event->>'table' = 'n$n'"), $n, 'with all that it has, each once');
	}
	$kafka->create_topic('gone');
	$cluster->do(q{SELECT cdc.add_topic('gap', 'gone')});
	is(pull('gap'), '', 'a second topic');
	$cluster->forget;
	$kafka->delete_topic('gone');
	like(my $gone = pull('gap'), qr/topic "gone" of subscription "gap" does not exist any more/, '... that is not there any more');
	typed($gone, qr/remove_topic/);
	$kafka->produce('gap', [ event('z', 1) ]);
	is(pull('gap'), '', 'goes on');
	is($cluster->value(q{SELECT count(*) FROM gap_history WHERE event->>'table' = 'z'}), 1, 'with the other');
	typed(fails(q{SELECT cdc.remove_topic('gap', 'nowhere')}));
	typed(fails(q{SELECT cdc.wait_for('gap', 'nowhere/0@1')}));
	like(hint(fails(q{SELECT cdc.wait_for('gap', 'earliest')})), qr/topic\/partition\@offset.*null is all/, 'what can be waited for');
	$cluster->do(q{SELECT * FROM cdc.apply('gap')});
	is(fails(q{SELECT cdc.wait_for('gap', 'gap/0@9')}), '', '... one of these');
	my ($wrong) = fails(q{SELECT cdc.set_position('gap', 'yesterdayish')});
	my @forms = hint($wrong) =~ /'([^']*)'/g;
	is(scalar @forms, 3, 'three forms of a position');
	is(fails("SELECT cdc.set_position('gap', '" . ($_ =~ s/shop\.orders\/0\@1200, .*/gap\/0\@1/r) . "')"), '', $_) for @forms, '2024-01-01';
	like(hint(fails("SELECT cdc.set_position('gap', '$_')")), qr/Use 'earliest'/, "none of them: $_") for 'gap/0@x', '2024-99-99', 'infinity';
};

subtest 'tables that are wanted by other letters' => sub {
	$kafka->create_topic($_, 2) for qw(two upper);
	$kafka->produce('two', [ event('a', $_) ], partition => $_ % 2) for 1 .. 4;
	$kafka->produce('upper', [ event('b', $_, 'D') ], partition => $_ % 2) for 1 .. 3;
	subscribe('two', topics => [ 'two', 'upper' ], tables => ['d.*']);
	typed(noted($cluster->notices_of(q{SELECT cdc.pull('two')})));
	is(pull('two'), '', 'what was passed over is read');
	ids('two', 'a1 a2 a3 a4 b1 b2 b3', 'and nothing twice');
};

subtest 'arguments' => sub {
	my $create = sub { my ($name, $more) = @_; return noted(join '', map { s/^NOTICE.*\n//mgr } eval { $cluster->notices_of("SELECT cdc.create_subscription('$name', 'bus', $more, enabled := false)") } // $@) };
	my ($topics) = hint($create->('arg', q(tables := '{d.*}'))) =~ /(topics := '[^']*')/;
	$kafka->create_topic('shop.orders');
	is(fails("SELECT cdc.create_subscription('arg', 'bus', $topics, enabled := false)"), '', "typed: $topics");
	my @formats = split /, /, (hint(fails("SELECT cdc.create_subscription('arg2', 'bus', topics := '{shop.orders}', format := 'none', enabled := false)")) =~ /are: (.*)\./)[0];
	cmp_ok(scalar @formats, '>', 9, 'formats');
	for my $format (@formats)
	{
		is(fails("SELECT cdc.create_subscription('arg2', 'bus', topics := '{shop.orders}', format := '$format', enabled := false)"), '', $format);
		$cluster->do(q{SELECT cdc.drop_subscription('arg2', true)});
	}
	my $bytes = fails(q{SELECT cdc.create_subscription('arg2', 'bus', topics := '{shop.orders}', format := 'raw', options := '{"value_format": "json_schema"}', enabled := false)});
	for my $format (split /, | or /, (hint($bytes) =~ /encoded: (.*)\./)[0])
	{
		is(fails("SELECT cdc.create_subscription('arg2', 'bus', topics := '{shop.orders}', format := '$format', options := '{\"value_format\": \"json_schema\"}', enabled := false)"), '', "decoded: $format");
		$cluster->do(q{SELECT cdc.drop_subscription('arg2', true)});
	}
	my ($pattern) = hint(fails(q{SELECT cdc.create_subscription('arg2', 'bus', topics := '{shop.ordres}', enabled := false)})) =~ /pattern such as (\S+)/;
	like(hint($create->('arg2', "topics := '{$pattern}'")), qr/It has "\w|The server has no topic/, "typed: $pattern");
	my ($name) = hint($create->('arg3', "topics := '{SHOP.*}'")) =~ /It has "([^"]+)"/;
	is($create->('arg4', "topics := '{$name}'"), '', "typed: $name");
	$cluster->do(map { "SELECT cdc.drop_subscription('$_', true)" } qw(arg arg2 arg3 arg4));
};

# A target of a history whose begin was purged lacks what that told, and is told how it gets it.
subtest 'a target of what was purged' => sub {
	$kafka->create_topic('old');
	$kafka->produce('old', [ event('o', 1), event('o', 2) ]);
	subscribe('old', topics => ['old']);
	is(pull('old'), '', 'a history');
	$cluster->do(q{SELECT * FROM cdc.apply('old')}, 'DELETE FROM old_history WHERE seq = 1', q{INSERT INTO cdc_catalog.history_purge (subscription, purged_seq) VALUES ('old', 1)},
		'CREATE TABLE old_target (id int PRIMARY KEY, v text)');
	my $told = noted($cluster->notices_of(q{SELECT cdc.add_table('old', 'd.o', target := 'old_target')}));
	like($told, qr/WARNING: .*target of source table d\.o lacks what events up to seq 1 told, which were purged/, 'it is told');
	is(list('SELECT id FROM old_target ORDER BY id'), '2', '... and is so');
	typed($told);
	is(pull('old') . fails(q{SELECT * FROM cdc.apply('old')}), '', '... what is typed');
	is(list('SELECT id, v FROM old_target ORDER BY id'), '1|o1 2|o2', '... brings all of it');
};

# Keys and values of a topic, by key.
sub messages { return join ' ', sort $kafka->consume($_[0], format => '%k=%s') }

subtest 'publications' => sub {
	$kafka->create_topic('in');
	$kafka->produce('in', [ event('a', 1), event('b', 1), event('a', 2) ]);
	subscribe('pub', topics => ['in']);
	is(pull('pub'), '', 'a history');
	my $publish = sub { my ($more) = @_; return fails("SELECT cdc.publish('pub', 'bus', $more)") };
	my ($formats) = hint($publish->(q{'x', format := 'none'})) =~ /are: (.*)\./;
	for my $format (split /, /, $formats)
	{
		is($publish->("'f.$format.\${table}', format := '$format', name := 'f', options := '{\"schema_topic\": \"\"}'"), '', $format);
		$cluster->do(q{SELECT cdc.drop_publication('f')});
	}
	my ($template) = hint($publish->(q{''})) =~ /such as ('[^']*')/;
	is($publish->("$template, name := 'f'"), '', "typed: $template");
	my ($names) = hint($publish->(q('x.${tabel}'))) =~ /are: (.*)\.$/;
	for my $variable (map { s/NAME/v/r } $names =~ /(\$\{[^}]*\})/g)
	{
		is($publish->("'n.\${table}', key_template := '$variable', name := 'n'"), '', "typed: $variable");
		$cluster->do(q{SELECT cdc.drop_publication('n')});
	}

	# rows of two tables that would be one
	my $claimed = $publish->(q{'one', format := 'json', name := 'one'});
	like($claimed, qr/source tables d\.a and d\.b one topic: "one"/, 'a topic of two tables');
	($template) = hint($claimed) =~ /('[^']*')/;
	is($publish->("$template, format := 'json', name := 'one'"), '', "typed: $template");
	is(messages('d.a') . ' ' . messages('d.b'), '{"id":1}={"v":"a1","id":1} {"id":2}={"v":"a2","id":2} {"id":1}={"v":"b1","id":1}', '... all rows, each once');
	is($publish->(q('keyed', format := 'json', name := 'keyed', key_template := '${table}/${primary_key}')), '', 'or a key that names the table');
	is(messages('keyed'), 'a/1={"v":"a1","id":1} a/2={"v":"a2","id":2} b/1={"v":"b1","id":1}', '... likewise');
	$claimed = $publish->(q('es', format := 'es_bulk', name := 'es', options := '{"index": "one"}'));
	like($claimed, qr/source tables d\.a and d\.b one index: "one"/, 'an index of two tables');
	my ($index) = hint($claimed) =~ /('[^']*')/;
	$index =~ s/'//g;
	is($publish->("'es', format := 'es_bulk', name := 'es', options := '{\"index\": \"$index\"}'"), '', "typed: $index");
	is(scalar(() = messages('es') =~ /"_index":"d-[ab]"/g), 3, '... all rows');

	# names that there cannot be
	$kafka->create_topic('odd');
	$kafka->produce('odd', [ event('_x', 1, ''), event('_x', 2, '') ]);
	subscribe('odd', topics => ['odd']);
	is(pull('odd'), '', 'a table with an odd name');
	my $none = fails(q{SELECT cdc.publish('odd', 'bus', 'odd.es', format := 'es_bulk', name := 'odd', options := '{"index": "${table}"}')});
	like($none, qr/no index of Elasticsearch can have the name "_x"/, 'an index');
	($index) = hint($none) =~ /'([^']*)'/;
	is(fails("SELECT cdc.publish('odd', 'bus', 'odd.es', format := 'es_bulk', name := 'odd', options := '{\"index\": \"$index\"}')"), '', "typed: $index");
	is(scalar(() = messages('odd.es') =~ /"_index":"x-[^"]*_x"/g), 2, '... all rows');
	like(fails(q{SELECT cdc.publish('odd', 'bus', '..', name := 'dots')}), qr/no topic can have: "\.\."/, 'a topic');
	is(fails(q{SELECT cdc.publish('odd', 'bus', 'dots', name := 'dots')}), '', 'another template');

	# where it begins
	my ($from) = hint($publish->(q{'late', name := 'late', from_seq := 99})) =~ /(from_seq := \d+)/;
	is($publish->("'late', name := 'late', $from"), '', "typed: $from");
	$kafka->produce('in', [ event('a', 3), event('a', 4) ]);
	is(pull('pub'), '', 'more');
	is(fails(q{SELECT cdc.publish_more('late')}), '', 'published');
	like(messages('late'), qr/^[^=]*=\S*"id":3\S* [^=]*=\S*"id":4\S*\z/, 'from there on');
	$cluster->do('DELETE FROM pub_history WHERE seq = 4');
	my $gap = fails(q{SELECT cdc.publish_more('one')});
	like($gap, qr/has no events 4 to 4 any more/, 'events that are gone');
	typed($gap);
	($from) = hint($gap) =~ /(from_seq := \d+)/;
	is($publish->("'\${database}.\${table}', format := 'json', name := 'one', $from"), '', "... typed: $from");
	is(messages('d.a'), '{"id":1}={"v":"a1","id":1} {"id":2}={"v":"a2","id":2} {"id":4}={"v":"a4","id":4}', 'all that the history has');
	my $taken = fails(q{SELECT cdc.publish('odd', 'bus', 'y', name := 'one')});
	like($taken, qr/is one of subscription "pub"/, 'a name that is taken');
	typed($taken);
	is(fails(q{SELECT cdc.publish('odd', 'bus', 'y', name := 'one')}), '', '... is free');
	like(hint(fails(q{SELECT cdc.publish_more('nowhere')})), qr/cdc\.publication lists them/, 'no publication of that name');
	is(list('SELECT name FROM cdc.publication ORDER BY 1') =~ /keyed.*late.*one/, 1, '... where they are listed');

	# a delete that has no key
	$kafka->create_topic('keyless');
	$kafka->produce('keyless', ['{"database":"d","table":"k","type":"delete","ts":1,"data":{"v":"x"}}']);
	subscribe('keyless', topics => ['keyless']);
	is(pull('keyless'), '', 'a delete without a key');
	my $delete = fails(q{SELECT cdc.publish('keyless', 'bus', 'k.out', format := 'json', name := 'k')});
	like($delete, qr/source table d\.k, which has no primary key, cannot be published in format json/, '... is none for documents');
	typed($delete, qr/exclude/);
	is(fails("SELECT cdc.publish('keyless', 'bus', 'k.out', format := 'maxwell', name := 'k2')"), '', 'another format');
	like(messages('k.out'), qr/"type":"delete"/, '... has it');

	# the server is another one
	for my $way (qr/drop_publication/, qr/enable_subscription/)
	{
		$cluster->do(q{CREATE SERVER other FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '} . $kafka->bootstrap . q{')}, q{SELECT cdc.publish('odd', 'other', 'o', name := 'o')});
		$cluster->forget;
		$cluster->do('SET session_replication_role = replica', 'DROP SERVER other', 'RESET session_replication_role');
		like(my $dropped = fails(q{SELECT cdc.publish_more('o')}), qr/server "other" of publication "o" was dropped/, 'the server was dropped');
		$cluster->do(q{CREATE SERVER other FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '} . $kafka->bootstrap . q{')});
		typed($dropped, $way);
		is(fails($way =~ /drop/ ? q{SELECT cdc.publish('odd', 'other', 'o', name := 'o')} : q{SELECT cdc.publish_more('o')}), '', 'it goes on');
		$cluster->do(q{SELECT cdc.drop_publication('o')}, 'DROP SERVER other');
	}
};

# Hints that are typed elsewhere, or of which nothing is to be typed here: what others have to set.
my %elsewhere = map { $_ => 1 } (
	'poison.c cdc_kafka_event_refuse',    # 080
	'event.c parse_key', 'event.c make_event', 'debezium.c check_connector', 'topics.c cdc_remove_topic', 'codec.c parse_given', 'codec.c refuse_schema', 'codec.c take_header', 'codec.c emit_typed', 'registry.c read_options', 'registry.c refuse_kind',
	(map { "registry.c $_" } qw(explain_answer explain_other explain_silence refuse_answer report_failure)),    # 093, 098
	'registry.c cdc_registry_open', 'event.c take_value', 'stream.c ask_topics',
	'fetch.c cdc_fetch_check_built', 'protoc.c cdc_protoc_check_built', 'module.c cdc_module_methods',    # what is built
	'position_text.c add_position_hint',    # of an error that is timestamptz's own
	'value.c cdc_publish_check_whole', 'value.c cdc_publish_refuse',    # 086
	'live_rows.c check_whole', 'message.c send_json', 'publication.c parse_exclude', (map { "whole_table.c $_" } qw(refuse_aside refuse_rekey)),    # 101, 110
	'message.c require_whole_row', 'message.c require_former_row', (map { "output.c $_" } qw(check_told cdc_publish_check_key_template)),    # 101
	'debezium.c read_tombstone_table', 'debezium.c check_cells', 'images.c refuse_key',    # 106, 115
	'event.c cdc_kafka_event_unread', 'pull_kafka.c take_message',    # 093
	'wanted.c cdc_kafka_warn_excluded', 'wanted.c refuse_name',    # 085
	(map { "cell_emit.c $_" } qw(unclear unclear_base64)), 'debezium.c read_flat_tombstone', 'goldengate.c read_goldengate', 'maxwell.c read_row',    # options of connectors
	'format.c cdc_payload_refuse', 'read.c not_recognised', 'read.c read_with');    # 045

my @forgotten;
my %there;
for my $file (map { glob "$FindBin::RealBin/../../src/$_/*.c" } qw(pg/pull_kafka pg/registry pg/publish avro protobuf envelope))
{
	my ($function, $name) = ('', $file =~ m{([^/]+)\z});
	open my $in, '<', $file or die "$file: $!";
	while (my $line = <$in>)
	{
		$function = $1 if $line =~ /^(\w+)\(/;
		$there{"$name $function"} = 1 if $line =~ /(?:errhint|cdc_error_hint)\(/;
	}
	close $in;
}
is(join(', ', grep { !$seen{$_} && !$elsewhere{$_} } sort keys %there), '', 'all hints are known here');
is(join(', ', grep { !$there{$_} } sort keys %elsewhere), '', '... and none that there is not');

done_testing();
