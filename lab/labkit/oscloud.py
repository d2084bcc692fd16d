"""What an OpenStack lab contains once its services run: projects, users, endpoints, volume types."""

import os

from labkit import database, osconf
from labkit.rest import HttpError, Session, call

# name: (projects and roles); service users may act as services and as administrators, as most deployments have it
USERS = {
    "glance": {"service": ("service", "admin")},
    "cinder": {"service": ("service", "admin")},
    "demo": {"demo": ("member",)},
    "other": {"other": ("member",)},
}
SERVICES = (("glance", "image", "{glance}"), ("cinderv3", "volumev3", "{cinder}/v3/%(project_id)s"))
TYPES = ("netapp", "ceph", "powerstore")


def login(facts, project="admin"):
    """A session of the project's user: admin, demo, other, or a service user by its own name."""
    user = project
    if project in ("glance", "cinder"):
        project = "service"
    return Session(facts["urls"]["keystone"], user, osconf.PASSWORD, project)


def environment(facts, project="admin"):
    """The usual OS_* variables for a client program."""
    user = project
    if project in ("glance", "cinder"):
        project = "service"
    return {"OS_AUTH_URL": facts["urls"]["keystone"] + "/v3", "OS_IDENTITY_API_VERSION": "3", "OS_USERNAME": user,
            "OS_PASSWORD": osconf.PASSWORD, "OS_PROJECT_NAME": project, "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default", "OS_REGION_NAME": "RegionOne", "OS_VOLUME_API_VERSION": "3",
            "OS_IMAGE_API_VERSION": "2", "OS_INTERFACE": "public"}


def _create(session, path, kind, body):
    """Create, or find what an earlier start made: {kind: body} at path; its id."""
    try:
        return session("POST", "identity", path, {kind: body})[kind]["id"]
    except HttpError as error:
        if error.status != 409:
            raise
    found = session("GET", "identity", f"{path}?name={body['name']}")
    return next(entry["id"] for entry in found[path.strip("/")] if entry["name"] == body["name"])


def _create_user(session, name, project_id, role_ids):
    user_id = _create(session, "/users", "user", {"name": name, "password": osconf.PASSWORD, "domain_id": "default"})
    for role_id in role_ids:
        session("PUT", "identity", f"/projects/{project_id}/users/{user_id}/roles/{role_id}")


def create_user(session, name, project, roles):
    """A user with those roles in the project, whose password is that of all."""
    def id_of(kind, wanted):
        return session("GET", "identity", f"/{kind}?name={wanted}")[kind][0]["id"]
    _create_user(session, name, id_of("projects", project), [id_of("roles", role) for role in roles])


def has_location_api(facts):
    """Whether the lab's Glance has GET /v2/images/ID/locations: from 2024.2 (29) on."""
    _headers, body = call("GET", facts["urls"]["glance"] + "/versions")
    return "v2.17" in {version["id"] for version in body["versions"]}


def fill_keystone(facts):
    session = login(facts)
    roles = {name: _create(session, "/roles", "role", {"name": name}) for name in ("admin", "member", "service")}
    projects = {name: _create(session, "/projects", "project", {"name": name, "domain_id": "default"})
                for name in ("service", "demo", "other")}
    for user, memberships in USERS.items():
        for project, names in memberships.items():
            _create_user(session, user, projects[project], [roles[role] for role in names])
    for name, kind, _template in SERVICES:
        service = _create(session, "/services", "service", {"name": name, "type": kind})
        for interface in ("public", "internal", "admin"):
            session("POST", "identity", "/endpoints", {"endpoint": {
                "service_id": service, "interface": interface, "region_id": "RegionOne",
                "url": "http://set-by-the-start/"}})


def set_endpoints(facts):
    """Point the catalogue at this lab's ports (a prepared database comes with those of another)."""
    urls = {kind: template.format(**facts["urls"]) for _name, kind, template in SERVICES}
    urls["identity"] = facts["urls"]["keystone"]
    with database.connect(facts["state"], "keystone") as connection, connection.cursor() as cursor:
        for kind, url in urls.items():
            cursor.execute("UPDATE endpoint JOIN service ON endpoint.service_id = service.id SET endpoint.url = %s "
                           "WHERE service.type = %s", (url, kind))


def create_types(facts):
    session = login(facts)
    have = {entry["name"] for entry in session("GET", "volumev3", "/types")["volume_types"]}
    for name in TYPES:
        if name not in have:
            create_type(session, name, {"volume_backend_name": name, "image_service:store_id": name})


def create_type(session, name, extra_specs):
    made = session("POST", "volumev3", "/types", {"volume_type": {"name": name, "os-volume-type-access:is_public": True}})
    session("POST", "volumev3", f"/types/{made['volume_type']['id']}/extra_specs", {"extra_specs": extra_specs})
    return made["volume_type"]["id"]


def pools(session):
    """{host@backend#pool: capabilities} the scheduler has heard of."""
    found = session("GET", "volumev3", "/scheduler-stats/get_pools?detail=true")["pools"]
    return {pool["name"]: pool["capabilities"] for pool in found}


def write_keys(facts):
    """Fernet keys: one to be next (0) and one in use (1), for tokens and for credentials."""
    import base64
    for kind in ("fernet", "credential"):
        for number in ("0", "1"):
            path = os.path.join(facts["state"], "keys", kind, number)
            if not os.path.exists(path):
                osconf.write_text(path, base64.urlsafe_b64encode(os.urandom(32)).decode())
