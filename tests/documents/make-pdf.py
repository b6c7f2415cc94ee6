#!/usr/bin/python3
"""Writes reportlab.pdf and cairo.pdf."""
import cairo
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

body = getSampleStyleSheet()["BodyText"]
document = SimpleDocTemplate("reportlab.pdf", title="Quarterly memo", author="Jane Doe")
document.build([Paragraph("Card <b>4111 11</b>11 1111 1111 of Jörg Müller, see the list.", body),
                Table([["Name", "SSN"], ["Bob", "078-05-1120"]]),
                Paragraph("Speaker: key AKIAIOSFODNN7EXAMPLE", body)])

surface = cairo.PDFSurface("cairo.pdf", 400, 300)
page = cairo.Context(surface)
page.select_font_face("Sans")
page.move_to(20, 40)
page.show_text("Card 4111 1111 1111 1111 of Jörg Müller, see the list.")
page.show_page()
page.move_to(20, 40)
page.show_text("Привет IBAN DE89 3704 0044 0532 0130 00")
surface.finish()
