-- Times are microseconds since 1970 in UTC. Lists and maps are JSON that is read whole.

-- A counter for each thing that other processes cache: raised in the transaction that changes it.
CREATE TABLE changes (
    topic   TEXT NOT NULL PRIMARY KEY,
    counter BIGINT NOT NULL
);
INSERT INTO changes (topic, counter) VALUES ('tokens', 0), ('clusters', 0), ('tenants', 0);

CREATE TABLE tenants (
    name                TEXT NOT NULL PRIMARY KEY,
    display_name        TEXT NOT NULL,
    requests_per_second BIGINT,
    cost_per_minute     BIGINT,
    subscriptions       BIGINT,
    created_at          BIGINT NOT NULL,
    created_by          TEXT NOT NULL
);

INSERT INTO tenants (name, display_name, created_at, created_by)
VALUES ('default', 'Default', 0, 'fleetgraph');

CREATE TABLE tokens (
    id           TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of the secret half.
    digest       BYTEA NOT NULL,
    name         TEXT NOT NULL,
    user_name    TEXT NOT NULL,
    uid          TEXT NOT NULL,
    user_groups  TEXT NOT NULL,
    extra        TEXT NOT NULL,
    clusters     TEXT,
    namespaces   TEXT,
    read_only    BIGINT NOT NULL,
    admin        BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    created_by   TEXT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    revoked_by   TEXT,
    last_used_at BIGINT,
    -- Of the last change that a verified copy of the row must follow, as counted in `changes`.
    changed      BIGINT NOT NULL
);
CREATE INDEX tokens_by_change ON tokens (changed);

CREATE TABLE token_tenants (
    token  TEXT NOT NULL REFERENCES tokens (id),
    tenant TEXT NOT NULL REFERENCES tenants (name),
    PRIMARY KEY (token, tenant)
);
CREATE INDEX token_tenants_by_tenant ON token_tenants (tenant, token);

CREATE TABLE clusters (
    id          TEXT NOT NULL PRIMARY KEY,
    tenant      TEXT NOT NULL REFERENCES tenants (name),
    name        TEXT NOT NULL,
    environment TEXT NOT NULL,
    region      TEXT NOT NULL,
    server      TEXT NOT NULL,
    sealed      BYTEA NOT NULL,
    -- Of the key that wraps the data key of `sealed`, so that rotation finds what is left to do.
    sealed_by   TEXT NOT NULL,
    disabled    BIGINT NOT NULL,
    revision    BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    created_by  TEXT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE INDEX clusters_by_tenant ON clusters (tenant, id);
CREATE INDEX clusters_by_key ON clusters (sealed_by, id);

CREATE TABLE audit (
    seq        BIGINT NOT NULL PRIMARY KEY,
    at         BIGINT NOT NULL,
    user_name  TEXT NOT NULL,
    credential TEXT NOT NULL,
    method     TEXT NOT NULL,
    address    TEXT,
    tenant     TEXT,
    action     TEXT NOT NULL,
    cluster    TEXT,
    object     TEXT,
    request_id TEXT,
    trace_id   TEXT,
    outcome    TEXT NOT NULL,
    code       TEXT,
    details    TEXT NOT NULL,
    hash       BYTEA NOT NULL
);
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_user ON audit (user_name, seq);
CREATE INDEX audit_by_action ON audit (action, seq);
CREATE INDEX audit_by_cluster ON audit (cluster, seq);
CREATE INDEX audit_by_tenant ON audit (tenant, seq);

CREATE TABLE audit_head (
    id   BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq  BIGINT NOT NULL,
    hash BYTEA NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_head_goes_forward BEFORE UPDATE ON audit_head
FOR EACH ROW WHEN (NEW.seq <= OLD.seq OR NEW.id <> OLD.id) EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_head_is_not_removed BEFORE DELETE ON audit_head
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_head_is_not_emptied BEFORE TRUNCATE ON audit_head
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
