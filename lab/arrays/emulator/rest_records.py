"""The query language of ONTAP's REST API: fields, filters and return_records of a GET on a collection.

A record is a nested dict. Of each only what identifies it and the fields that were asked for are sent, so that a driver
gets no field it has not named.
"""

import fnmatch

_RESERVED = {"fields", "max_records", "return_records", "return_timeout", "order_by", "allow_delete_while_mapped"}
_IDENTITY = ("uuid", "name", "id", "path")


def expand(body):
    """{"space.size": 1} is {"space": {"size": 1}}."""
    result = {}
    for key, value in body.items():
        value = expand(value) if isinstance(value, dict) else value
        *parents, last = key.split(".")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
        if isinstance(value, dict) and isinstance(place.get(last), dict):
            place[last].update(value)
        else:
            place[last] = value
    return result


def values(record, path):
    """All values at a dotted path, through lists."""
    found = [record]
    for step in path.split(".") if path else ():
        found = [item for each in found for item in (each if isinstance(each, list) else [each])]
        found = [each[step] for each in found if isinstance(each, dict) and step in each]
    return [item for each in found for item in (each if isinstance(each, list) else [each])]


def _text(value):
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def matches(record, query):
    for path, wanted in query.items():
        if path in _RESERVED:
            continue
        found = values(record, "svm.name" if path == "svm" else path)
        choices = [choice for part in wanted.split("|") for choice in part.split(",")]
        if not any(fnmatch.fnmatchcase(_text(value), choice) for value in found for choice in choices):
            return False
    return True


def select(record, fields):
    result = {key: record[key] for key in _IDENTITY if key in record}
    for field in fields.split(",") if fields else ():
        if field in ("*", "**"):
            return record
        _copy(record, result, field.removesuffix(".*").split("."))
    return result


def _copy(record, result, steps):
    if steps[0] not in record:
        return
    value = record[steps[0]]
    if len(steps) > 1 and isinstance(value, dict):
        _copy(value, result.setdefault(steps[0], {}), steps[1:])
    else:
        result[steps[0]] = value        # of a list of records all of each


def collection(records, query):
    found = [record for record in records if matches(record, query)]
    if query.get("return_records") == "false":
        return {"num_records": len(found)}
    return {"records": [select(record, query.get("fields", "")) for record in found], "num_records": len(found)}
