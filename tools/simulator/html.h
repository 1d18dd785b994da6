/* The few pieces of HTML that the simulator's pages share. */
#ifndef SIMULATOR_HTML_H
#define SIMULATOR_HTML_H

#include "simulator/message.h"

#define HTML_TYPE "text/html; charset=UTF-8"

/* Escaped: right in text and in a quoted attribute. */
void html_text(struct buf *out, struct str text);
void html_begin(struct buf *out, const char *title);
void html_end(struct buf *out);
/* <input type=hidden>. */
void html_hidden(struct buf *out, const char *name, struct str value);
/* A page with one sentence. */
void html_message(struct sim_reply *rp, int status, const char *title, struct str sentence);

#endif
