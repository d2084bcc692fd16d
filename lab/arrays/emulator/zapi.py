"""ZAPI's XML: <netapp vfiler="SVM"><CALL>...</CALL></netapp> -> <netapp><results status="passed">...</results></netapp>.

Inside the emulator a record is a dict; a list holds (tag, value) pairs, for elements that repeat.
"""

import fnmatch
import xml.etree.ElementTree as ElementTree

NAMESPACE = "http://www.netapp.com/filer/admin"
HEAD = b"<?xml version='1.0' encoding='UTF-8' ?>\n"
EINTERNAL, ENOTFOUND, EINVALID = "13114", "13005", "13115"


def parse(body):
    """(call, arguments, SVM or None) of a request; ValueError where it is none."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise ValueError("a document type is not wanted here")
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise ValueError(str(error))
    if _local(root.tag) != "netapp" or len(root) != 1:
        raise ValueError("not one call in <netapp>")
    arguments = _decode(root[0])
    return _local(root[0].tag), arguments if isinstance(arguments, dict) else {}, root.get("vfiler")


def _local(tag):
    return tag.rpartition("}")[2]


def _decode(element):
    """A dict of the children (a list of values where a tag repeats), or the text."""
    if not len(element):
        return element.text or ""
    result = {}
    for child in element:
        tag, value = _local(child.tag), _decode(child)
        if tag in result:
            if not isinstance(result[tag], list):
                result[tag] = [result[tag]]
            result[tag].append(value)
        else:
            result[tag] = value
    return result


def many(value, tag):
    """The values of a list argument, e.g. many(arguments["counters"], "counter")."""
    found = value.get(tag, []) if isinstance(value, dict) else []
    return found if isinstance(found, list) else [found]


def passed(content):
    results = ElementTree.Element("results", {"status": "passed"})
    _encode(results, content or {})
    return _document(results)


def failed(code, reason):
    return _document(ElementTree.Element("results", {"status": "failed", "errno": str(code), "reason": reason}))


def _document(results):
    root = ElementTree.Element("netapp", {"xmlns": NAMESPACE, "version": "1.211"})
    root.append(results)
    return HEAD + ElementTree.tostring(root, encoding="utf-8")


def _encode(parent, content):
    pairs = content.items() if isinstance(content, dict) else content
    for tag, value in pairs:
        if value is None:
            continue
        child = ElementTree.SubElement(parent, tag)
        if isinstance(value, (dict, list)):
            _encode(child, value)
        else:
            child.text = text(value)


def text(value):
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def matches(record, query):
    """A record fits where each leaf that the query has a text for fits it: `*` is a wildcard, `|` separates choices."""
    for tag, wanted in query.items():
        if isinstance(record, list):
            if not any(name == tag and _fits(value, wanted) for name, value in record):
                return False
        elif not _fits(record.get(tag), wanted):
            return False
    return True


def _fits(value, wanted):
    if isinstance(wanted, dict):
        return isinstance(value, (dict, list)) and matches(value, wanted)
    if wanted == "":
        return True
    return value is not None and any(fnmatch.fnmatchcase(text(value), choice) for choice in wanted.split("|"))


def iterate(tag, records, arguments):
    """The answer of a *-get-iter call: a page of the records that fit, and a tag to go on with."""
    query = arguments.get("query")
    query = query.get(tag, {}) if isinstance(query, dict) else {}
    found = [record for record in records if not isinstance(query, dict) or matches(record, query)]
    first = int(arguments.get("tag") or 0)
    page = found[first:first + int(arguments.get("max-records") or 20)]
    after = first + len(page)
    result = {"attributes-list": [(tag, record) for record in page], "num-records": len(page)}
    if after < len(found):
        result["next-tag"] = after
    return result
