"""What AWS's own service models, which botocore carries, say of a request.

`aws_models.py table FOLDER` writes the operations of all services, a file for each name that requests are signed with.
`aws_models.py validate` reads recorded requests as JSON lines, and writes what AWS would not take of each as JSON.

botocore itself writes requests and reads answers, and does not look at patterns. What is here reads requests.
"""

import base64
import collections
import json
import os
import sys
import urllib.parse
import xml.etree.ElementTree

import regex
from botocore.loaders import create_loader
from botocore.model import ServiceModel

LOADER = create_loader()

# Headers of signing, of the transport and of the SDKs, which belong to no operation.
OF_NO_OPERATION = regex.compile(
    "x-amz-(date|content-sha256|security-token|user-agent|trailer|decoded-content-length|target|api-version)"
)
# Of those operations whose model says `httpChecksum`; it names the algorithm's member alone.
CHECKSUM = regex.compile("x-amz-(sdk-checksum-algorithm|checksum-[a-z0-9]+)")


def table(folder):
    services = collections.defaultdict(dict)
    for name in LOADER.list_available_services("service-2"):
        model = LOADER.load_service_model(name, "service-2")
        meta = model["metadata"]
        operations = {}
        for operation, said in model["operations"].items():
            given = model["shapes"].get(said.get("input", {}).get("shape"), {})
            needed = [given["members"][member] for member in given.get("required", [])]
            operations[operation] = {
                "method": said["http"]["method"],
                "uri": said["http"]["requestUri"],
                "deprecated": said.get("deprecated", False),
                "query": [m["locationName"] for m in needed if m.get("location") == "querystring"],
                "headers": [m["locationName"].lower() for m in needed if m.get("location") == "header"],
                "errors": dict(error(model["shapes"], fault["shape"]) for fault in said.get("errors", [])),
            }
        signed = meta.get("signingName", meta["endpointPrefix"])
        services[signed][name] = {
            "protocols": meta.get("protocols", [meta["protocol"]]),
            "target": meta.get("targetPrefix"),
            "operations": operations,
        }
    for signed, models in services.items():
        with open(os.path.join(folder, f"{signed}.json"), "w") as file:
            json.dump(models, file)


def error(shapes, name):
    said = shapes[name].get("error", {})
    return said.get("code", name), said.get("httpStatusCode")


class Complaints(list):
    """Collects what is wrong with the members of one request."""

    def check(self, shape, value, at):
        """Judges a value that was read by its shape."""
        kind = shape.type_name
        if getattr(shape, "is_document_type", False):
            return
        if kind == "structure":
            for member in shape.required_members:
                if value.get(member) is None:
                    self.append(f"{at}: required member {member} is missing")
            if getattr(shape, "is_tagged_union", False) and len(value) != 1:
                self.append(f"{at}: exactly one of {', '.join(shape.members)} may be given")
            for member, inner in value.items():
                if inner is not None:
                    self.check(shape.members[member], inner, f"{at}.{member}")
        elif kind == "list":
            self.bound(shape, len(value), f"{at}: its length")
            for nth, inner in enumerate(value):
                self.check(shape.member, inner, f"{at}[{nth}]")
        elif kind == "map":
            self.bound(shape, len(value), f"{at}: its length")
            for key, inner in value.items():
                self.check(shape.key, key, f"{at}: key {key!r}")
                if inner is not None:
                    self.check(shape.value, inner, f"{at}[{key!r}]")
        elif kind in ("string", "blob", "character"):
            self.bound(shape, len(value), f"{at}: its length")
            if kind == "string":
                self.text(shape, value, at)
        elif kind in ("integer", "long", "float", "double", "short", "byte"):
            self.bound(shape, value, at)

    def bound(self, shape, number, what):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and number < least:
            self.append(f"{what} is {number}, less than {least}")
        if most is not None and number > most:
            self.append(f"{what} is {number}, more than {most}")

    def text(self, shape, value, at):
        if shape.enum and value not in shape.enum:
            self.append(f"{at}: {value!r} is none of {', '.join(shape.enum)}")
        pattern = shape.metadata.get("pattern")
        if pattern and not matches(pattern, value):
            self.append(f"{at}: {value!r} does not match {pattern}")

    def parse(self, shape, text, at):
        """A value that stands as text in a URI, a header, a form or XML."""
        kind = shape.type_name
        try:
            if kind == "boolean":
                return {"true": True, "false": False}[text]
            if kind in ("integer", "long", "short", "byte"):
                return int(text)
            if kind in ("float", "double"):
                return float(text)
            if kind == "blob":
                return base64.b64decode(text, validate=True)
        except (KeyError, ValueError):
            self.append(f"{at}: {text!r} is no {kind}")
            return None
        return text

    def json(self, shape, value, at):
        """A value that stands in JSON; members are named as the model calls them afterwards."""
        wanted = {
            "structure": dict, "map": dict, "list": list, "string": str, "character": str, "blob": str,
            "boolean": bool, "integer": int, "long": int, "short": int, "byte": int, "float": (int, float),
            "double": (int, float), "timestamp": (int, float, str),
        }
        kind = shape.type_name
        if value is None or getattr(shape, "is_document_type", False):
            return value
        if not isinstance(value, wanted[kind]) or (isinstance(value, bool) and kind != "boolean"):
            self.append(f"{at}: {value!r} is no {kind}")
            return None
        if kind == "structure":
            return self.members(shape.members, value, at, self.json)
        if kind == "map":
            return {key: self.json(shape.value, inner, f"{at}[{key!r}]") for key, inner in value.items()}
        if kind == "list":
            read = [self.json(shape.member, inner, f"{at}[{nth}]") for nth, inner in enumerate(value)]
            return [inner for inner in read if inner is not None]
        return self.parse(shape, value, at) if kind == "blob" else value

    def members(self, members, found, at, read):
        names = {member.serialization.get("name", name): name for name, member in members.items()}
        result = {}
        for name, inner in found.items():
            if name in names:
                result[names[name]] = read(members[names[name]], inner, f"{at}.{name}")
            else:
                self.append(f"{at}: there is no member {name}")
        return result

    def form(self, shape, prefix, fields, at):
        """A value of the query protocol; what is read is taken out of `fields`."""
        kind = shape.type_name

        def there(key):
            return any(name == key or name.startswith(f"{key}.") for name in fields)

        if kind == "structure":
            result = {}
            for name, member in shape.members.items():
                key = prefix + member.serialization.get("name", name)
                if there(key):
                    deeper = f"{key}." if member.type_name == "structure" else key
                    result[name] = self.form(member, deeper, fields, f"{at}.{name}")
            return result
        if kind in ("list", "map"):
            # An empty one is sent as an empty text.
            if fields.get(prefix) == "":
                del fields[prefix]
            result, nth = [] if kind == "list" else {}, 1
            if shape.serialization.get("flattened"):
                between = ""
            elif kind == "map":
                between = ".entry"
            else:
                between = f".{shape.member.serialization.get('name', 'member')}"
            while there(f"{prefix}{between}.{nth}"):
                key = f"{prefix}{between}.{nth}"
                if kind == "list":
                    deeper = f"{key}." if shape.member.type_name == "structure" else key
                    result.append(self.form(shape.member, deeper, fields, f"{at}[{nth - 1}]"))
                else:
                    first, second = (shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value"))
                    inner = self.form(shape.value, f"{key}.{second}", fields, at)
                    result[self.form(shape.key, f"{key}.{first}", fields, at)] = inner
                nth += 1
            return result
        return self.parse(shape, fields.pop(prefix, ""), at)

    def xml(self, shape, element, at):
        kind = shape.type_name
        if kind == "structure":
            found = collections.defaultdict(list)
            for child in element:
                found[child.tag.rpartition("}")[2]].append(child)
            for name, member in shape.members.items():
                attribute = member.serialization.get("name", name)
                if member.serialization.get("xmlAttribute"):
                    values = [v for k, v in element.items() if k.rpartition("}")[2] == attribute.rpartition(":")[2]]
                    if values:
                        found[attribute] = values[0]

            def read(member, inner, at):
                if isinstance(inner, str):
                    return self.parse(member, inner, at)
                if member.type_name == "list" and member.serialization.get("flattened"):
                    return [self.xml(member.member, child, at) for child in inner]
                if len(inner) > 1:
                    self.append(f"{at}: it is there {len(inner)} times")
                return self.xml(member, inner[0], at)

            return self.members(shape.members, found, at, read)
        if kind == "list":
            return [self.xml(shape.member, child, at) for child in element]
        if kind == "map":
            return {child[0].text: self.xml(shape.value, child[1], at) for child in element}
        return self.parse(shape, element.text or "", at)


def matches(pattern, text):
    # Java's way to name a character.
    pattern = regex.sub(r"\\x\{([0-9A-Fa-f]+)\}", lambda found: rf"\U{found[1]:0>8}", pattern)
    return regex.fullmatch(pattern, text) is not None


def unchunked(request, body):
    """The body of an upload that is signed chunk by chunk (`aws-chunked`)."""
    if "aws-chunked" not in request["headers"].get("content-encoding", ""):
        return body
    whole = b""
    while True:
        head, _, body = body.partition(b"\r\n")
        size = int(head.partition(b";")[0] or b"0", 16)
        if size == 0:
            return whole
        whole, body = whole + body[:size], body[size + 2 :]


def of_rest(model, operation, request, complaints):
    shape = operation.input_shape
    path, _, query = request["path"].partition("?")
    fields = collections.defaultdict(list)
    for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
        fields[name].append(value)
    fields.pop("x-id", None)
    wanted, _, constant = operation.http["requestUri"].partition("?")
    for name, _ in urllib.parse.parse_qsl(constant, keep_blank_values=True):
        fields.pop(name, None)
    body = unchunked(request, base64.b64decode(request["body"]))
    if shape is None:
        return {}
    uri = in_uri(wanted, path)
    value, rest, payload = {}, {}, shape.serialization.get("payload")
    headers = {name: text for name, text in request["headers"].items() if name.startswith("x-amz")}
    for name, member in shape.members.items():
        at, location = f"{operation.name}.{name}", member.serialization.get("location")
        called = member.serialization.get("name", name)
        if location == "uri" and called in uri:
            value[name] = complaints.parse(member, uri[called], at)
        elif location == "querystring" and called in fields:
            texts = fields.pop(called)
            if member.type_name == "list":
                value[name] = [complaints.parse(member.member, text, at) for text in texts]
            else:
                value[name] = complaints.parse(member, texts[0], at)
        elif location == "header" and called.lower() in request["headers"]:
            text = request["headers"][called.lower()]
            headers.pop(called.lower(), None)
            if member.type_name == "list":
                value[name] = [complaints.parse(member.member, part.strip(), at) for part in text.split(",")]
            else:
                value[name] = complaints.parse(member, text, at)
        elif location == "headers":
            own = [header for header in headers if header.startswith(called.lower())]
            value[name] = {header[len(called) :]: headers.pop(header) for header in own}
        elif location is None and name != payload:
            rest[name] = member
    complaints.extend(f"{operation.name}: there is no query parameter {name}" for name in fields)
    checksum = CHECKSUM if operation.http_checksum else OF_NO_OPERATION
    complaints.extend(
        f"{operation.name}: there is no header {name}"
        for name in headers
        if not OF_NO_OPERATION.fullmatch(name) and not checksum.fullmatch(name)
    )
    is_json = model.protocol == "rest-json"
    at = operation.name
    if payload and body:
        member = shape.members[payload]
        if member.type_name in ("blob", "string"):
            value[payload] = body if member.type_name == "blob" else body.decode()
        elif is_json:
            value[payload] = complaints.json(member, json.loads(body), f"{at}.{payload}")
        else:
            value[payload] = complaints.xml(member, xml.etree.ElementTree.fromstring(body), f"{at}.{payload}")
    elif body and is_json:
        value |= complaints.members(rest, json.loads(body), at, complaints.json)
    elif body:
        complaints.append(f"{at}: it takes no body")
    return value


def in_uri(template, path):
    """The parts of a path that a template such as `/{Bucket}/{Key+}` names."""
    pattern = ""
    for piece in regex.split(r"(\{[^}]+\})", template.rstrip("/")):
        if piece.startswith("{"):
            pattern += "(.+)" if piece.endswith("+}") else "([^/]+)"
        else:
            pattern += regex.escape(piece)
    names = [name.rstrip("+") for name in regex.findall(r"\{([^}]+)\}", template)]
    found = regex.fullmatch(f"{pattern}/*", path)
    return {name: urllib.parse.unquote(text) for name, text in zip(names, found.groups())} if found else {}


def complaints_of(request, models={}):
    name = request["service"]
    if name not in models:
        models[name] = ServiceModel(LOADER.load_service_model(name, "service-2"), name)
    model, complaints = models[name], Complaints()
    operation = model.operation_model(request["operation"])
    _, _, query = request["path"].partition("?")
    body = base64.b64decode(request["body"])
    value = None
    if "x-amz-target" in request["headers"]:
        wanted = f"{model.metadata['targetPrefix']}.{operation.name}"
        if request["headers"]["x-amz-target"] != wanted:
            complaints.append(f"{operation.name}: the header X-Amz-Target is not {wanted}")
        if operation.input_shape:
            value = complaints.json(operation.input_shape, json.loads(body or b"{}"), operation.name)
    elif model.protocol in ("rest-json", "rest-xml"):
        value = of_rest(model, operation, request, complaints)
    elif "smithy-protocol" in request["headers"]:
        complaints.append(f"{operation.name}: a body in CBOR is not read here")
    else:
        pairs = urllib.parse.parse_qsl(body.decode() if body else query, keep_blank_values=True)
        fields = dict(pairs)
        if len(fields) < len(pairs):
            complaints.append(f"{operation.name}: a member is there twice")
        fields.pop("Action")
        if fields.pop("Version", None) != model.api_version:
            complaints.append(f"{operation.name}: the version of the API is not {model.api_version}")
        value = {}
        if operation.input_shape:
            value = complaints.form(operation.input_shape, "", fields, operation.name)
        complaints.extend(f"{operation.name}: there is no member {field}" for field in fields)
    if operation.input_shape and value is not None:
        complaints.check(operation.input_shape, value, operation.name)
    return complaints


def main():
    if sys.argv[1] == "table":
        table(sys.argv[2])
    else:
        json.dump([complaints_of(json.loads(line)) for line in sys.stdin], sys.stdout)


if __name__ == "__main__":
    main()
