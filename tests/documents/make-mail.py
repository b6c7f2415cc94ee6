#!/usr/bin/python3
"""Writes python.eml and python.mbox."""
import mailbox
import os
from email.headerregistry import Address
from email.message import EmailMessage

mail = EmailMessage()
mail["From"] = Address("Jörg Müller", "jm", "corp.example")
mail["To"] = "bob@corp.example"
mail["Subject"] = "Zahlung für IBAN DE89 3704 0044 0532 0130 00, mit Grüßen an alle, die das hier lesen können"
mail.set_content("Hallo,\n\nCard 4111 1111 1111 1111 of Jörg\n", cte="quoted-printable")
mail.add_alternative("<html><body><p>Card <b>4111 1111</b> 1111 1111 of J&ouml;rg</p></body></html>", subtype="html")
mail.add_attachment("Name,SSN\nBob,078-05-1120\n", filename="März.csv")
with open("pandoc.epub", "rb") as f:
    mail.add_attachment(f.read(), maintype="application", subtype="epub+zip", filename="memo.epub")
latin = EmailMessage()
latin["Subject"] = "latin"
latin.set_content("caf\xe9 AKIAIOSFODNN7EXAMPLE", charset="iso-8859-1", cte="8bit")
with open("python.eml", "wb") as f:
    f.write(mail.as_bytes())
if os.path.exists("python.mbox"):
    os.remove("python.mbox")
box = mailbox.mbox("python.mbox")
box.add(latin)
box.add(mail)
box.flush()
