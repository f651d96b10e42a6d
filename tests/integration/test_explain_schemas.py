"""What is known of programs is as its schema says, and the words of the schemas are those of the program."""

import fnmatch
import json
import re

import jsonschema
import pytest
import rofuse_test

# Files of data and of schemas, above all.
pytestmark = pytest.mark.once

EXPLAIN = rofuse_test.ROOT / "src" / "explain"
KNOWLEDGE = json.loads((EXPLAIN / "knowledge.json").read_text())
KNOWLEDGE_SCHEMA = json.loads((EXPLAIN / "knowledge.schema.json").read_text())
FACTS_SCHEMA = json.loads((EXPLAIN / "facts.schema.json").read_text())
LOG_SCHEMA = json.loads((rofuse_test.ROOT / "src" / "log" / "log.schema.json").read_text())


def entry_id(entry):
    return entry["id"]


def test_schemas_are_schemas():
    for schema in (KNOWLEDGE_SCHEMA, FACTS_SCHEMA):
        jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(KNOWLEDGE_SCHEMA).validate(KNOWLEDGE)


def test_ids_are_unique():
    ids = [entry["id"] for entry in KNOWLEDGE["entries"]]
    assert len(ids) == len(set(ids)) >= 30


@pytest.mark.parametrize("entry", KNOWLEDGE["entries"], ids=entry_id)
def test_entry(entry):
    """Each glob is good for one of the examples or says something of its own; each note is a sentence."""
    for globs in entry["match"].values():
        for glob in globs:
            re.compile(fnmatch.translate(glob))
            assert glob.count("[") == glob.count("]")
    places = [example["path"] for example in entry["examples"]]
    for place in places:
        assert not entry["match"].get("place") or any(fnmatch.fnmatchcase(place, glob) for glob in entry["match"]["place"])
    assert entry["note"].endswith(".") and entry["note"].isascii()
    first = entry["fixes"][0]
    assert not first.get("also")
    # Nobody should be told to open what the image is made of.
    assert not any(fix.get("target") in ("/", "/etc", "/usr", "/opt", "/var", "/home", "/root", "/app") for fix in entry["fixes"])


@pytest.mark.parametrize("change", [
    {"id": "Upper"}, {"match": {}}, {"match": {"program": []}}, {"fixes": []}, {"class": "fatal"}, {"note": ""},
    {"fixes": [{"kind": "tmpfs"}]}, {"fixes": [{"kind": "tmpfs", "target": "tmp"}]}, {"examples": []}, {"colour": 1},
    {"fixes": [{"kind": "tmpfs", "target": "/tmp", "options": "uid=1"}]}, {"fixes": [{"kind": "none", "value": "x"}]}],
    ids=json.dumps)
def test_the_schema_of_knowledge_is_strict(change):
    entry = {**KNOWLEDGE["entries"][0], **change}
    assert not jsonschema.Draft202012Validator(KNOWLEDGE_SCHEMA).is_valid({**KNOWLEDGE, "entries": [entry]})


def names(array):
    """Of a table of names in fact.c."""
    source = (EXPLAIN / "fact.c").read_text()
    body = re.search(rf"{array}\[\w+\] = {{(.*?)}};", source, re.DOTALL)[1]
    return set(re.findall(r'"([^"]+)"', body))


def test_the_words_are_those_of_the_program():
    fact = FACTS_SCHEMA["$defs"]["fact"]["properties"]
    denial = LOG_SCHEMA["$defs"]["denial"]["properties"]
    assert set(fact["class"]["enum"]) == names("class_names")
    assert set(fact["because"]["enum"]) == names("because_names")
    assert set(FACTS_SCHEMA["$defs"]["fix"]["properties"]["kind"]["enum"]) == names("fix_kind_names")
    assert fact["operations"]["items"]["enum"] == denial["operation"]["enum"]
    assert fact["why"]["enum"] == denial["why"]["enum"]
