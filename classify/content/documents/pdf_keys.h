/* pdf_keys.h - names of PDF that mean something to its reader. */
#ifndef CLASSIFY_CONTENT_PDF_KEYS_H
#define CLASSIFY_CONTENT_PDF_KEYS_H

enum pdf_key {
	KEY_NONE,
	KEY_OTHER,
	/* of dictionaries */
	KEY_BASE_ENCODING,
	KEY_BASE_FONT,
	KEY_BITS,
	KEY_COLORS,
	KEY_COLUMNS,
	KEY_CONTENTS,
	KEY_DESCENDANT,
	KEY_DIFFERENCES,
	KEY_DW,
	KEY_EARLY,
	KEY_ENCODING, /* also a type */
	KEY_ENCRYPT,
	KEY_FILTER,
	KEY_FIRST,
	KEY_FIRST_CHAR,
	KEY_FONT, /* also a type */
	KEY_LENGTH,
	KEY_LENGTH1, /* 2 and 3 too: of the file of a font */
	KEY_N,
	KEY_PARENT,
	KEY_PREDICTOR,
	KEY_RESOURCES,
	KEY_SKIPPED, /* of what is no text: functions, shadings, colour profiles */
	KEY_SUBTYPE,
	KEY_TO_UNICODE,
	KEY_TYPE,
	KEY_W,
	KEY_WIDTHS,
	/* of strings that somebody wrote */
	KEY_ACTUAL_TEXT,
	KEY_ALT,
	KEY_AUTHOR,
	KEY_COMMENTS,
	KEY_COMPANY,
	KEY_CREATOR,
	KEY_F,
	KEY_JS,
	KEY_KEYWORDS,
	KEY_RC,
	KEY_SUBJECT,
	KEY_T,
	KEY_TITLE,
	KEY_TU,
	KEY_UF,
	KEY_URI,
	KEY_V,
	/* types and subtypes */
	KEY_CIDFONT,
	KEY_EMBEDDED_FILE,
	KEY_FONT_FILE,
	KEY_FORM,
	KEY_IMAGE,
	KEY_METADATA,
	KEY_OBJSTM,
	KEY_PAGE, /* and Pages */
	KEY_TRUE_TYPE,
	KEY_TYPE0,
	KEY_XREF,
	/* encodings */
	KEY_IDENTITY,
	KEY_MAC_ROMAN,
	KEY_STANDARD_ENCODING,
	KEY_UCS2,
	KEY_WIN_ANSI,
	/* filters */
	KEY_ASCII85,
	KEY_ASCIIHEX,
	KEY_FLATE,
	KEY_LZW,
	KEY_RUN_LENGTH,
};

#endif
