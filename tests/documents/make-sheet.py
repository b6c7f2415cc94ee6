#!/usr/bin/python3
"""Writes openpyxl.xlsx; what else is here is made as README says."""
import openpyxl
from openpyxl.comments import Comment

book = openpyxl.Workbook()
sheet = book.active
sheet.title = "Payments"
sheet.append(["Name", "Card", "IBAN"])
sheet.append(["Bob", 4111111111111111, "DE89370400440532013000"])
sheet["A1"].comment = Comment("SSN 078-05-1120", "Jane Doe")
book.save("openpyxl.xlsx")
