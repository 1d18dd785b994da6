#include "simulator/html.h"

void html_text(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '&':
            buf_add_c(out, "&amp;");
            break;
        case '<':
            buf_add_c(out, "&lt;");
            break;
        case '>':
            buf_add_c(out, "&gt;");
            break;
        case '"':
            buf_add_c(out, "&quot;");
            break;
        case '\'':
            buf_add_c(out, "&#39;");
            break;
        default:
            buf_add_char(out, text.ptr[i]);
        }
    }
}

void html_begin(struct buf *out, const char *title)
{
    buf_add_f(out,
              "<!doctype html><html lang=en><meta charset=utf-8><title>%s</title>"
              "<meta name=viewport content=\"width=device-width\"><style>"
              "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;"
              "padding:0 1rem;color:#222}table{border-collapse:collapse;width:100%%}"
              "td,th{border-bottom:1px solid #ddd;padding:.3rem .6rem;text-align:left;"
              "vertical-align:top}form{display:inline}input,select,button{font:inherit;"
              "margin:.1rem}.id{color:#777;font-size:.8rem}fieldset{border:1px solid #ddd}"
              "pre{background:#f4f4f4;padding:1rem;overflow:auto}</style><body><h1>%s</h1>",
              title, title);
}

void html_end(struct buf *out)
{
    buf_add_c(out, "</body></html>\n");
}

void html_hidden(struct buf *out, const char *name, struct str value)
{
    buf_add_f(out, "<input type=hidden name=\"%s\" value=\"", name);
    html_text(out, value);
    buf_add_c(out, "\">");
}

void html_message(struct sim_reply *rp, int status, const char *title, struct str sentence)
{
    sim_reply_text(rp, status, HTML_TYPE, STR(""));
    html_begin(&rp->body, title);
    buf_add_c(&rp->body, "<p>");
    html_text(&rp->body, sentence);
    html_end(&rp->body);
}
