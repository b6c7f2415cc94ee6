/* json_cases.h - written by json_cases.py; documents and the fields that Python's json module finds. */
/* clang-format off */
static const struct {
	const char *json;
	unsigned short json_n;
	const char *fields;
} json_cases[] = {
	{"{\"a_name_of_sixteen\": 100000}",
		29,
		"{} <> a_name_of_sixteen\na_name_of_sixteen <a_name_of_sixteen> 100000\n"},
	{"{\"a_name_of_sixteen\":[\"\",\"\\udc00xkey[1,2]new\\nline\"],\"content\":\"new\\nline\",\""
		"role\":{}}",
		85,
		"{} <> a_name_of_sixteen\na_name_of_sixteen[1] <a_name_of_sixteen> \357\277\275xkey[1,2]ne"
		"w\nline\ncontent <content> new\nline\n"},
	{"[[[[\"\177hello\"]]]]",
		16,
		"[0][0][0][0] <> \177hello\n"},
	{"[false, \"[1,2]p\\u00e4\\u00dfback\\\\slash\\ud83d\", {\"na\\\"me\": \"tab\\t\\ud83d\\ude"
		"00back\\\\slash\", \"role\": true}]",
		104,
		"[1] <> [1,2]p\303\244\303\237back\\slash\357\277\275\n[2].na\"me <na\"me> tab\011\360\237"
		"\230\200back\\slash\n"},
	{"[\"\"]",
		4,
		""},
	{"[\n    [\n        \"p\\u00e4\\u00dfe\\u0301[1,2]back\\\\slash\"\n    ]\n]",
		62,
		"[0][0] <> p\303\244\303\237e\314\201[1,2]back\\slash\n"},
	{"[\n []\n]",
		7,
		""},
	{"{\"content\": 1e-07, \"x y\": \"\\ud83d\\ude00\"}",
		41,
		"x y <x y> \360\237\230\200\n"},
	{"{\"b\":\"key\",\"role\":{\"b\":{\"\303\274\":[\"{not json}\"],\"na\\\"me\":[-10000000]},\""
		"na\\\"me\":\"new\\nline{not json}\",\"\303\274\":true}}",
		108,
		"b <b> key\nrole.b.\303\274[0] <\303\274> {not json}\nrole.b.na\"me[0] <na\"me> -10000000\n"
		"role.na\"me <na\"me> new\nline{not json}\n"},
	{"[{\"na\\\"me\": \"\\ud83d{not json}new\\nline\"}, \"\"]",
		45,
		"[0].na\"me <na\"me> \357\277\275{not json}new\nline\n"},
	{"{\n    \"x y\":\"tab\\t\\ud83d\\ude00\",\n    \"\\u00fc\":[\n        1234567.25,\n       "
		" 1e+300\n    ]\n}",
		90,
		"x y <x y> tab\011\360\237\230\200\n\303\274[0] <\303\274> 1234567.25\n"},
	{"{\"content\": {\"a_name_of_sixteen\": null, \"a\": true, \"role\": [[-10000000], 1e+300]}"
		"}",
		82,
		"content{} <> a_name_of_sixteen\ncontent.role[0][0] <role> -10000000\n"},
	{"[\n    \"\",\n    -100000\n]",
		23,
		"[1] <> -100000\n"},
	{"[\n {\n  \"text\":1234567.25\n },\n \"keyback\\\\slash\177\177\"\n]",
		50,
		"[0].text <text> 1234567.25\n[1] <> keyback\\slash\177\177\n"},
	{"[\n true,\n 1e-07,\n {\n  \"b\": true\n }\n]",
		36,
		""},
	{"{\"b\": true}",
		11,
		""},
	{"{\n    \"a_name_of_sixteen\": 1234567.25\n}",
		39,
		"{} <> a_name_of_sixteen\na_name_of_sixteen <a_name_of_sixteen> 1234567.25\n"},
	{"{\n \"long name long name long name long name \": 1e-07\n}",
		54,
		"{} <> long name long name long name long name \n"},
	{"{\"na\\\"me\":1e+300}",
		17,
		""},
	{"{\"\\u00fc\":[\"[1,2]\\ud83d\"],\"a_name_of_sixteen\":\"\"}",
		49,
		"\303\274[0] <\303\274> [1,2]\357\277\275\n{} <> a_name_of_sixteen\n"},
	{"[\n true,\n false\n]",
		17,
		""},
	{"{\n    \"a_name_of_sixteen\":{\n        \"x y\":{},\n        \"a_name_of_sixteen\":\"q\\\""
		"uote\\u0001/\"\n    },\n    \"role\":1e+300,\n    \"x y\":[\n        [\n            {\n  "
		"              \"fifteen_letters\":false,\n                \"long name long name long name"
		" long name \":null,\n                \"b\":1234567.25\n            },\n            123456"
		"7.25\n        ],\n        {}\n    ]\n}",
		357,
		"{} <> a_name_of_sixteen\na_name_of_sixteen{} <> a_name_of_sixteen\na_name_of_sixteen.a_na"
		"me_of_sixteen <a_name_of_sixteen> q\"uote\001/\nx y[0][0]{} <> long name long name long n"
		"ame long name \nx y[0][0].b <b> 1234567.25\nx y[0][1] <x y> 1234567.25\n"},
	{"{\n \"long name long name long name long name \": [\n  1234567.25\n ]\n}",
		66,
		"{} <> long name long name long name long name \nlong name long name long name long name ["
		"0] <long name long name long name long name > 1234567.25\n"},
	{"{\"na\\\"me\":1,\"content\":{}}",
		25,
		""},
	{"{\n \"text\": -1\n}",
		15,
		""},
	{"[{\"a\":{},\"na\\\"me\":4111111111111111},1234567.25,[[\"back\\\\slash\\ud83d\\ude00\"],["
		"],-2.25]]",
		86,
		"[0].na\"me <na\"me> 4111111111111111\n[1] <> 1234567.25\n[2][0][0] <> back\\slash\360\237"
		"\230\200\n"},
	{"[null]",
		6,
		""},
	{"{\"fifteen_letters\":\"new\\nline\\u007f\"}",
		37,
		"fifteen_letters <fifteen_letters> new\nline\177\n"},
	{"{\"a_name_of_sixteen\": {\"\\u00fc\": [[\"\", \"hellohello\", \"new\\nlinehello\"], {\"x "
		"y\": 1e+300}, \"p\\u00e4\\u00dfhello\"], \"text\": 99999}, \"role\": \"hello\\ud83d\\u65e"
		"5\\u672c\\u65e5\\u672c\", \"x y\": -100000}",
		190,
		"{} <> a_name_of_sixteen\na_name_of_sixteen.\303\274[0][1] <\303\274> hellohello\na_name_o"
		"f_sixteen.\303\274[0][2] <\303\274> new\nlinehello\na_name_of_sixteen.\303\274[2] <\303\274"
		"> p\303\244\303\237hello\nrole <role> hello\357\277\275\346\227\245\346\234\254\346\227\245"
		"\346\234\254\nx y <x y> -100000\n"},
	{"[\n [\n  null,\n  [],\n  -1\n ]\n]",
		28,
		""},
	{"{\"text\": {\"x y\": 1e+300, \"content\": \"\", \"na\\\"me\": \"\177back\\\\slash\"}}",
		66,
		"text.na\"me <na\"me> \177back\\slash\n"},
	{"{\"b\": [[false, \"tab\\tback\\\\slashnew\\nlinekey\", \"q\\\"uote\"], [0.5, \"back\\\\sl"
		"ashtab\\t\"]], \"a_name_of_sixteen\": {}}",
		111,
		"b[0][1] <b> tab\011back\\slashnew\nlinekey\nb[0][2] <b> q\"uote\nb[1][1] <b> back\\slasht"
		"ab\011\n{} <> a_name_of_sixteen\n"},
	{"[[\"\"]]",
		6,
		""},
	{"{\n \"na\\\"me\": [\n  \"\",\n  {}\n ],\n \"long name long name long name long name \": n"
		"ull\n}",
		81,
		"{} <> long name long name long name long name \n"},
	{"{\n \"a\":{\n  \"content\":[\n   [],\n   {\n    \"a_name_of_sixteen\":\"p\\u00e4\\u00df[1"
		",2]\"\n   },\n   null\n  ],\n  \"a_name_of_sixteen\":\"\"\n }\n}",
		128,
		"a.content[1]{} <> a_name_of_sixteen\na.content[1].a_name_of_sixteen <a_name_of_sixteen> p"
		"\303\244\303\237[1,2]\na{} <> a_name_of_sixteen\n"},
	{"{\"x y\":1e-07}",
		13,
		""},
	{"[1e+300,\"p\\u00e4\\u00df\",1e-07]",
		30,
		"[1] <> p\303\244\303\237\n"},
	{"{\"b\": \"\"}",
		9,
		""},
	{"{\n \"x y\":{\n  \"role\":{\n   \"text\":[\n    \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"ae\314\201\"\n   ],\n   \"a\":-2.25\n  }\n }\n}",
		111,
		"x y.role.text[0] <text> aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaae\314\201\n"},
	{"{\n \"long name long name long name long name \":\"\\u007fhello\\udc00xq\\\"uote\",\n \"a"
		"_name_of_sixteen\":{\n  \"long name long name long name long name \":\"\\ud83dhello/\",\n"
		"  \"role\":[]\n }\n}",
		175,
		"{} <> long name long name long name long name \nlong name long name long name long name  "
		"<long name long name long name long name > \177hello\357\277\275xq\"uote\n{} <> a_name_of"
		"_sixteen\na_name_of_sixteen{} <> long name long name long name long name \na_name_of_sixt"
		"een.long name long name long name long name  <long name long name long name long name > \357"
		"\277\275hello/\n"},
	{"{\n    \"\\u00fc\": \"new\\nline\"\n}",
		29,
		"\303\274 <\303\274> new\nline\n"},
	{"[\n    [],\n    \"\",\n    \"\\u007f/\\ud83d\\ude00tab\\t\"\n]",
		50,
		"[2] <> \177/\360\237\230\200tab\011\n"},
	{"{\"long name long name long name long name \":\"\"}",
		47,
		"{} <> long name long name long name long name \n"},
	{"[\"\\u65e5\\u672c{not json}\\u0001\", [{}], \"\\u65e5\\u672cback\\\\slashnew\\nline\"]",
		74,
		"[0] <> \346\227\245\346\234\254{not json}\001\n[2] <> \346\227\245\346\234\254back\\slash"
		"new\nline\n"},
	{"[\n {\n  \"b\": [\n   \"back\\\\slash[1,2]\\ud83d[1,2]\",\n   \"\\u007f\\u65e5\\u672c\\u0"
		"07fback\\\\slash\",\n   \"\"\n  ],\n  \"\\u00fc\": {\n   \"\\u00fc\": {\n    \"a_name_of_"
		"sixteen\": \"\\u007f\"\n   }\n  },\n  \"x y\": null\n },\n 1\n]",
		196,
		"[0].b[0] <b> back\\slash[1,2]\357\277\275[1,2]\n[0].b[1] <b> \177\346\227\245\346\234\254"
		"\177back\\slash\n[0].\303\274.\303\274{} <> a_name_of_sixteen\n[0].\303\274.\303\274.a_na"
		"me_of_sixteen <a_name_of_sixteen> \177\n"},
	{"{\"b\":-1}",
		8,
		""},
	{"{\n \"x y\": \"hello\"\n}",
		19,
		"x y <x y> hello\n"},
	{"[\"\",[],{\"a_name_of_sixteen\":1234567.25,\"long name long name long name long name \":f"
		"alse,\"fifteen_letters\":\"{not json}keynew\\nline\"}]",
		132,
		"[2]{} <> a_name_of_sixteen\n[2].a_name_of_sixteen <a_name_of_sixteen> 1234567.25\n[2]{} <"
		"> long name long name long name long name \n[2].fifteen_letters <fifteen_letters> {not js"
		"on}keynew\nline\n"},
	{"[{\"\\u00fc\":1e+300},[-1]]",
		24,
		""},
	{"{\n \"content\": false,\n \"text\": [\n  -1,\n  \"new\\nlinenew\\nlineaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaa\\u65e5\\u672c\",\n  true\n ]\n}",
		125,
		"text[1] <text> new\nlinenew\nlineaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\346\227\245\346"
		"\234\254\n"},
	{"[\n [\n  \"keytab\\t/e\314\201\"\n ]\n]",
		26,
		"[0][0] <> keytab\011/e\314\201\n"},
	{"{\"long name long name long name long name \": {\"a_name_of_sixteen\": {}, \"fifteen_lett"
		"ers\": \"\\u65e5\\u672cq\\\"uote\", \"text\": \"\\ud83dback\\\\slashaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaanew\\nline\"}}",
		191,
		"{} <> long name long name long name long name \nlong name long name long name long name {"
		"} <> a_name_of_sixteen\nlong name long name long name long name .fifteen_letters <fifteen"
		"_letters> \346\227\245\346\234\254q\"uote\nlong name long name long name long name .text "
		"<text> \357\277\275back\\slashaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaanew\nline\n"},
	{"{\"a\":\"tab\\t\\u65e5\\u672ctab\\tp\\u00e4\\u00df\"}",
		43,
		"a <a> tab\011\346\227\245\346\234\254tab\011p\303\244\303\237\n"},
	{"{\n    \"a_name_of_sixteen\":-100000\n}",
		35,
		"{} <> a_name_of_sixteen\na_name_of_sixteen <a_name_of_sixteen> -100000\n"},
	{"[{}]",
		4,
		""},
	{"[\n [],\n 1,\n []\n]",
		16,
		""},
	{"{\"content\": \"{not json}new\\nlinehello\", \"b\": [4111111111111111, \"\", {\"text\": \""
		"new\\nline\", \"na\\\"me\": {\"role\": \"\\u007f\\ud83d\\ude00hello\"}, \"role\": \"back\\"
		"\\slashnew\\nline\"}]}",
		170,
		"content <content> {not json}new\nlinehello\nb[0] <b> 4111111111111111\nb[2].text <text> n"
		"ew\nline\nb[2].na\"me.role <role> \177\360\237\230\200hello\nb[2].role <role> back\\slash"
		"new\nline\n"},
	{"{\"na\\\"me\":[[],\"\"],\"a\":[]}",
		25,
		""},
	{"{\n    \"na\\\"me\":[]\n}",
		19,
		""},
	{"{\n \"fifteen_letters\":\"\\udc00xp\\u00e4\\u00dfkey\",\n \"b\":[\n  1234567.25,\n  [\n  "
		" {\n    \"a\":\"q\\\"uote/tab\\t\",\n    \"fifteen_letters\":\"\\u007f\\ud83dp\\u00e4\\u0"
		"0df\"\n   },\n   -10000000,\n   0.5\n  ]\n ],\n \"role\":\"keyaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaanew\\nline\"\n}",
		252,
		"fifteen_letters <fifteen_letters> \357\277\275xp\303\244\303\237key\nb[0] <b> 1234567.25\n"
		"b[1][0].a <a> q\"uote/tab\011\nb[1][0].fifteen_letters <fifteen_letters> \177\357\277\275"
		"p\303\244\303\237\nb[1][1] <b> -10000000\nrole <role> keyaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaanew\nline\n"},
	{"{\n    \"a\":{},\n    \"text\":1e+300\n}",
		33,
		""},
	{"{\n    \"fifteen_letters\": [],\n    \"b\": [\n        false,\n        \"{not json}\\u000"
		"1\"\n    ]\n}",
		89,
		"b[1] <b> {not json}\001\n"},
	{"[\n    [\n        -1,\n        \"new\\nline\",\n        1234567.25\n    ],\n    -1\n]",
		75,
		"[0][1] <> new\nline\n[0][2] <> 1234567.25\n"},
	{"{\"role\":{\"a\":[\"back\\\\slash\\udc00xe\\u0301\",\"{not json}\\u65e5\\u672c\"],\"conte"
		"nt\":true,\"na\\\"me\":false}}",
		99,
		"role.a[0] <a> back\\slash\357\277\275xe\314\201\nrole.a[1] <a> {not json}\346\227\245\346"
		"\234\254\n"},
	{"[{\"a_name_of_sixteen\": 1234567.25, \"na\\\"me\": -1, \"text\": \"tab\\t\\ud83d\\ude00\\"
		"u007f\"}]",
		84,
		"[0]{} <> a_name_of_sixteen\n[0].a_name_of_sixteen <a_name_of_sixteen> 1234567.25\n[0].tex"
		"t <text> tab\011\360\237\230\200\177\n"},
	{"[\n    [],\n    -10000000\n]",
		25,
		"[1] <> -10000000\n"},
	{"{\"role\": false, \"x y\": \"\\ud83d\\ude00\\ud83d\\ude00e\\u0301\", \"text\": [1, \"new\\"
		"nline\", null]}",
		89,
		"x y <x y> \360\237\230\200\360\237\230\200e\314\201\ntext[1] <text> new\nline\n"},
	{"{\"text\":1e+300,\"na\\\"me\":[{\"na\\\"me\":10000000000000000000000000},\"p\303\244\303\237"
		"\",{\"b\":\"hello\",\"a_name_of_sixteen\":true}],\"a_name_of_sixteen\":-10000000}",
		141,
		"na\"me[0].na\"me <na\"me> 10000000000000000000000000\nna\"me[1] <na\"me> p\303\244\303\237"
		"\nna\"me[2].b <b> hello\nna\"me[2]{} <> a_name_of_sixteen\n{} <> a_name_of_sixteen\na_nam"
		"e_of_sixteen <a_name_of_sixteen> -10000000\n"},
	{"{\n \"a\":{},\n \"fifteen_letters\":[],\n \"long name long name long name long name \":{}"
		"\n}",
		82,
		"{} <> long name long name long name long name \n"},
	{"[0.5]",
		5,
		""},
	{"{\n    \"fifteen_letters\":\"new\\nline\"\n}",
		37,
		"fifteen_letters <fifteen_letters> new\nline\n"},
	{"[\n    {},\n    \"new\\nline\",\n    [\n        [\n            [\n                -2.25\n"
		"            ],\n            null\n        ],\n        [\n            [],\n            [\n"
		"                true,\n                100000,\n                1e-07\n            ]\n   "
		"     ]\n    ]\n]",
		261,
		"[1] <> new\nline\n[2][1][1][1] <> 100000\n"},
	{"{\"a\": [{\"long name long name long name long name \": \"\"}], \"text\": []}",
		69,
		"a[0]{} <> long name long name long name long name \n"},
	{"[\n null,\n \"{not json}e\314\201\",\n \"\346\227\245\346\234\254p\303\244\303\237aaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n]",
		83,
		"[1] <> {not json}e\314\201\n[2] <> \346\227\245\346\234\254p\303\244\303\237aaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaa\n"},
	{"[\n {\n  \"a\": 0.5\n }\n]",
		20,
		""},
	{"[\n []\n]",
		7,
		""},
	{"[0.5, 1e+300, 0.5]",
		18,
		""},
	{"{\n \"a_name_of_sixteen\":-2.25,\n \"fifteen_letters\":1234567.25\n}",
		61,
		"{} <> a_name_of_sixteen\nfifteen_letters <fifteen_letters> 1234567.25\n"},
	{"[{\"content\": false, \"text\": \"p\\u00e4\\u00df\", \"long name long name long name long"
		" name \": {\"na\\\"me\": {\"na\\\"me\": 1e+300, \"b\": \"\"}, \"long name long name long "
		"name long name \": \"/hellohello\"}}, [{}], -10000000]",
		206,
		"[0].text <text> p\303\244\303\237\n[0]{} <> long name long name long name long name \n[0]"
		".long name long name long name long name {} <> long name long name long name long name \n"
		"[0].long name long name long name long name .long name long name long name long name  <lo"
		"ng name long name long name long name > /hellohello\n[2] <> -10000000\n"},
	{"{\"content\":\"\\u0001\\u65e5\\u672c\\ud83d\",\"x y\":{\"na\\\"me\":[-2.25],\"fifteen_let"
		"ters\":0.5,\"long name long name long name long name \":[0,100000,null]},\"a\":\"e\\u0301"
		"hellonew\\nline{not json}\"}",
		182,
		"content <content> \001\346\227\245\346\234\254\357\277\275\nx y{} <> long name long name "
		"long name long name \nx y.long name long name long name long name [1] <long name long nam"
		"e long name long name > 100000\na <a> e\314\201hellonew\nline{not json}\n"},
	{"{\n \"text\": \"\"\n}",
		15,
		""},
	{"{\"x y\":[]}",
		10,
		""},
	{"[false]",
		7,
		""},
	{"[\n [\n  \"back\\\\slash\\ud83d\",\n  false\n ],\n [\n  \"\\u0001{not json}e\\u0301key\","
		"\n  null\n ]\n]",
		86,
		"[0][0] <> back\\slash\357\277\275\n[1][0] <> \001{not json}e\314\201key\n"},
	{"[{\"text\":{\"role\":{\"a\":\"\",\"b\":\"back\\\\slash/\"},\"long name long name long nam"
		"e long name \":{}}}]",
		93,
		"[0].text.role.b <b> back\\slash/\n[0].text{} <> long name long name long name long name \n"
		""},
	{"[false]",
		7,
		""},
	{"{\"role\": {\"a\": \"\\udc00x\", \"long name long name long name long name \": -10000000}"
		"}",
		81,
		"role.a <a> \357\277\275x\nrole{} <> long name long name long name long name \nrole.long n"
		"ame long name long name long name  <long name long name long name long name > -10000000\n"
		""},
	{"{\n    \"a_name_of_sixteen\": 4111111111111111,\n    \"role\": {}\n}",
		61,
		"{} <> a_name_of_sixteen\na_name_of_sixteen <a_name_of_sixteen> 4111111111111111\n"},
	{"[[null, \"back\\\\slash\"]]",
		23,
		"[0][1] <> back\\slash\n"},
	{"{\"b\":{},\"fifteen_letters\":[1e-07,0.5],\"na\\\"me\":\"\177\"}",
		51,
		"na\"me <na\"me> \177\n"},
	{"{\"content\": {\"long name long name long name long name \": {\"b\": [\"\\ud83d\"], \"con"
		"tent\": \"tab\\t{not json}\", \"long name long name long name long name \": {}}, \"fiftee"
		"n_letters\": {\"\\u00fc\": true, \"na\\\"me\": {}}, \"x y\": true}, \"na\\\"me\": \"p\\u0"
		"0e4\\u00df{not json}back\\\\slash\"}",
		266,
		"content{} <> long name long name long name long name \ncontent.long name long name long n"
		"ame long name .b[0] <b> \357\277\275\ncontent.long name long name long name long name .co"
		"ntent <content> tab\011{not json}\ncontent.long name long name long name long name {} <> "
		"long name long name long name long name \nna\"me <na\"me> p\303\244\303\237{not json}back"
		"\\slash\n"},
	{"{\"b\":[1e-07],\"content\":false,\"a\":\"tab\\t\"}",
		41,
		"a <a> tab\011\n"},
	{"{\"content\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\", \"a\": null}",
		66,
		"content <content> aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"},
	{"{\"b\":[],\"\303\274\":\"\",\"text\":{}}",
		26,
		""},
	{"{\"a\": \"\\udc00x\\ud83d\", \"a_name_of_sixteen\": \"\"}",
		47,
		"a <a> \357\277\275x\357\277\275\n{} <> a_name_of_sixteen\n"},
	{"[null]",
		6,
		""},
	{"{\"role\": {\"a_name_of_sixteen\": 1e+300}, \"na\\\"me\": \"back\\\\slashq\\\"uotee\314\201"
		"\177\"}",
		75,
		"role{} <> a_name_of_sixteen\nna\"me <na\"me> back\\slashq\"uotee\314\201\177\n"},
	{"[\n    {},\n    0.5,\n    1234567.25\n]",
		35,
		"[2] <> 1234567.25\n"},
	{"[{\"a_name_of_sixteen\":\"hello[1,2]tab\\t\",\"text\":{\"fifteen_letters\":{},\"na\\\"me\""
		":[\"\\ud83d\\ude00\\ud83dq\\\"uote\\u007f\",99999],\"a_name_of_sixteen\":\"back\\\\slashe"
		"\\u0301/hello\"},\"x y\":\"\"}]",
		178,
		"[0]{} <> a_name_of_sixteen\n[0].a_name_of_sixteen <a_name_of_sixteen> hello[1,2]tab\011\n"
		"[0].text.na\"me[0] <na\"me> \360\237\230\200\357\277\275q\"uote\177\n[0].text{} <> a_name"
		"_of_sixteen\n[0].text.a_name_of_sixteen <a_name_of_sixteen> back\\slashe\314\201/hello\n"},
	{"[\n    \"{not json}\",\n    {\n        \"content\": false\n    },\n    \"e\\u0301\\u65e5\\"
		"u672c\\ud83d\\ude00\"\n]",
		97,
		"[0] <> {not json}\n[2] <> e\314\201\346\227\245\346\234\254\360\237\230\200\n"},
	{"{\n    \"content\":{\n        \"a_name_of_sixteen\":99999,\n        \"\\u00fc\":\"\\udc00"
		"x{not json}\\ud83d\",\n        \"content\":[\n            \"\"\n        ]\n    }\n}",
		149,
		"content{} <> a_name_of_sixteen\ncontent.\303\274 <\303\274> \357\277\275x{not json}\357\277"
		"\275\n"},
	{"{\n    \"role\": 0.5,\n    \"fifteen_letters\": true\n}",
		48,
		""},
	{"{\"long name long name long name long name \":\"keyhello\\ud83d/\",\"b\":true}",
		71,
		"{} <> long name long name long name long name \nlong name long name long name long name  "
		"<long name long name long name long name > keyhello\357\277\275/\n"},
	{"[10000000000000000000000000]",
		28,
		"[0] <> 10000000000000000000000000\n"},
	{"{\"a_name_of_sixteen\":false}",
		27,
		"{} <> a_name_of_sixteen\n"},
	{"{\"text\": [\"e\\u0301tab\\t\\u65e5\\u672c\", true, {\"a_name_of_sixteen\": false, \"long"
		" name long name long name long name \": \"{not json}tab\\tp\\u00e4\\u00dfe\\u0301\"}], \""
		"b\": {\"role\": \"\"}}",
		176,
		"text[0] <text> e\314\201tab\011\346\227\245\346\234\254\ntext[2]{} <> a_name_of_sixteen\n"
		"text[2]{} <> long name long name long name long name \ntext[2].long name long name long n"
		"ame long name  <long name long name long name long name > {not json}tab\011p\303\244\303\237"
		"e\314\201\n"},
	{"[{}]",
		4,
		""},
	{"{\"\\u00fc\":\"p\\u00e4\\u00df{not json}\\ud83d\\ud83d\\ude00\",\"a_name_of_sixteen\":{},"
		"\"fifteen_letters\":1}",
		97,
		"\303\274 <\303\274> p\303\244\303\237{not json}\357\277\275\360\237\230\200\n{} <> a_name"
		"_of_sixteen\n"},
	{"[\n [\n  1,\n  [\n   \"new\\nlinetab\\t[1,2]key\"\n  ],\n  \"e\\u0301\"\n ]\n]",
		63,
		"[0][1][0] <> new\nlinetab\011[1,2]key\n[0][2] <> e\314\201\n"},
	{"[\n    \"{not json}keyq\\\"uote\",\n    [\n        {\n            \"na\\\"me\":\"\",\n   "
		"         \"role\":0.5,\n            \"\\u00fc\":[]\n        },\n        [\n            {}"
		"\n        ],\n        {\n            \"x y\":{},\n            \"long name long name long "
		"name long name \":[\n                1234567.25\n            ]\n        }\n    ],\n    \""
		"\"\n]",
		321,
		"[0] <> {not json}keyq\"uote\n[1][2]{} <> long name long name long name long name \n[1][2]"
		".long name long name long name long name [0] <long name long name long name long name > 1"
		"234567.25\n"},
	{"{\"long name long name long name long name \":\"p\\u00e4\\u00df\"}",
		60,
		"{} <> long name long name long name long name \nlong name long name long name long name  "
		"<long name long name long name long name > p\303\244\303\237\n"},
	{"[{\"long name long name long name long name \":\"q\\\"uote\",\"content\":[-100000,true,{\""
		"long name long name long name long name \":1e+300,\"\\u00fc\":4111111111111111}]},{\"role"
		"\":\"\\u0001\\udc00x\",\"a_name_of_sixteen\":[],\"\\u00fc\":1e-07}]",
		222,
		"[0]{} <> long name long name long name long name \n[0].long name long name long name long"
		" name  <long name long name long name long name > q\"uote\n[0].content[0] <content> -1000"
		"00\n[0].content[2]{} <> long name long name long name long name \n[0].content[2].\303\274"
		" <\303\274> 4111111111111111\n[1].role <role> \001\357\277\275x\n[1]{} <> a_name_of_sixte"
		"en\n"},
	{"[{}]",
		4,
		""},
	{"[\n null,\n {\n  \"x y\": {\n   \"na\\\"me\": {\n    \"text\": \"\\u65e5\\u672c[1,2]/aaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\n    \"fifteen_letters\": 1e-07,\n    \"\\u00fc\""
		": \"back\\\\slash\"\n   }\n  },\n  \"a_name_of_sixteen\": {\n   \"\\u00fc\": \"\\u007fq\\"
		"\"uoteaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\n   \"role\": \"\"\n  }\n }\n]",
		297,
		"[1].x y.na\"me.text <text> \346\227\245\346\234\254[1,2]/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaa\n[1].x y.na\"me.\303\274 <\303\274> back\\slash\n[1]{} <> a_name_of_sixteen\n[1]"
		".a_name_of_sixteen.\303\274 <\303\274> \177q\"uoteaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"a\n"},
	{"[\"\\ud83d[1,2]q\\\"uote\"]",
		22,
		"[0] <> \357\277\275[1,2]q\"uote\n"},
	{"[\n    null,\n    \"\",\n    null\n]",
		30,
		""},
	{"{\"a_name_of_sixteen\": [0.5], \"content\": []}",
		43,
		"{} <> a_name_of_sixteen\n"},
	{"[-100000,null,true]",
		19,
		"[0] <> -100000\n"},
	{"{\n    \"x y\": [\n        1e-07,\n        1e-07\n    ]\n}",
		51,
		""},
	{"[\n -1,\n -2.25,\n {\n  \"content\": []\n }\n]",
		38,
		""},
};
