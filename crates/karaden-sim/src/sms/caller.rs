//! The checks of every request: version, bearer token, tenant.

use super::error::Failure;
use crate::{
    config::SmsProject, id::parse_uuid, operation::Api, request::Call, shared::Shared,
    version::ApiVersion, world::Owner,
};

/// A request that passed the common checks.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) owner: Owner,
    pub(crate) project: &'a SmsProject,
    pub(crate) version: ApiVersion,
}

/// Checks version, bearer token and tenant, in this order.
pub(super) fn check<'a>(
    shared: &'a Shared,
    call: &Call<'_>,
    tenant: &str,
) -> Result<Caller<'a>, Failure> {
    let version = match call.header("karaden-version") {
        Some(asked) => asked.parse().ok(),
        None => shared.world().quirks.default_version,
    };
    let version = version.ok_or_else(Failure::invalid_version)?;
    let token = bearer(call).ok_or_else(Failure::unauthenticated)?;
    let (index, project) = shared.project_by_token(token).ok_or_else(Failure::unauthenticated)?;
    let tenant =
        parse_uuid(tenant).filter(|tenant| parse_uuid(&project.tenant_id) == Some(*tenant));
    tenant.ok_or_else(Failure::invalid_tenant)?;
    Ok(Caller { owner: Owner { api: Api::Sms, index }, project, version })
}

fn bearer<'a>(call: &'a Call<'_>) -> Option<&'a str> {
    let (scheme, token) = call.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
