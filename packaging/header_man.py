"""Writes the scdoc source of vtclone.h(3) from the header on standard input: its comments are the text, its declarations
the synopsis of each part. So the page cannot say anything else than the header does."""

import re
import sys

TITLE = re.compile(r"/\* ---- (.*) ---- \*/\n")


def escape(text):
    return re.sub(r"([_*\\<>#~])", r"\\\1", text)


def comment_text(comment):
    """The words of /* ... */, paragraphs kept, list items on lines of their own."""
    body = re.sub(r"^/\*+|\*+/$", "", comment.strip())
    lines = [re.sub(r"^\s*\*? ?", "", line) if line.lstrip().startswith("*") else line.strip()
             for line in body.split("\n")]
    paragraphs, current = [], []
    for line in lines:
        if not line.strip():
            paragraphs.append(current)
            current = []
        elif line.lstrip().startswith("- "):
            paragraphs.append(current)
            current = ["*" + line.strip()[1:]]
        else:
            current.append(line.strip())
    paragraphs.append(current)
    text = []
    for words in paragraphs:
        joined = " ".join(words).strip()
        if joined.startswith("* "):
            text.append("- " + escape(joined[2:]))
        elif joined:
            text.append(escape(joined))
    return text


def blocks(part):
    """A part's comments that stand at the left margin, and the code between them, in order."""
    at = 0
    for found in re.finditer(r"^/\*.*?\*/[ \t]*$", part, re.S | re.M):
        yield "code", part[at:found.start()].strip("\n")
        yield "text", found.group(0)
        at = found.end()
    yield "code", part[at:].strip("\n")


def write_part(title, part):
    title, _, more = title.partition("; ")
    print("# %s\n" % escape(title.upper()))
    if more:
        print(escape(more[0].upper() + more[1:]) + ".\n")
    for kind, content in blocks(part):
        if not content.strip():
            continue
        if kind == "text":
            for paragraph in comment_text(content):
                print(paragraph + "\n")
        else:
            code = content.replace("VTCLONE_API ", "").replace("\t", "    ")
            print("```\n%s\n```\n" % code)


def main():
    text = sys.stdin.read()
    head, rest = text.split("#ifndef VTCLONE_H", 1)
    rest = rest.split("#endif\n", 1)[1].rsplit("#ifdef __cplusplus", 1)[0]  # without the opening extern "C"
    lead = [line for line in comment_text(head) if "SPDX" not in line and not line.startswith("vtclone.h - ")]
    print("vtclone.h(3)\n\n# NAME\n\nvtclone.h - volume-type aware clone: the interface of libvtclone.so.1\n")
    print("# SYNOPSIS\n\n```\n#include <vtclone.h>\n\ncc ... $(pkg-config --cflags --libs vtclone)\n```\n\n# DESCRIPTION\n")
    for paragraph in lead:
        print(paragraph + "\n")
    pieces = TITLE.split(rest)
    preamble = re.sub(r"#if defined\(VTCLONE_BUILD\).*?#endif\n", "", pieces[0], flags=re.S)
    write_part("version and ABI", preamble)
    for title, part in zip(pieces[1::2], pieces[2::2]):
        write_part(title, part)
    print("# SEE ALSO\n\n_vtclone_(1), _vtclone.json_(5)")


main()
