"""Who vouches for identities was added or changed: SAML, OIDC, Roles Anywhere, Identity Center's source."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.detections.calls import API_CALL, OTHER_CALL, service_of
from handlers.detections.words import facts, lowered, request_exhibit, sentence, short, tail

# (service, call) -> what was done, and what one would have tried.
_CALLS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("iam", "CreateSAMLProvider"): ("added the SAML provider", "add the SAML provider"),
    ("iam", "UpdateSAMLProvider"): ("changed the SAML provider", "change the SAML provider"),
    ("iam", "CreateOpenIDConnectProvider"): ("added the OIDC provider", "add the OIDC provider"),
    ("iam", "AddClientIDToOpenIDConnectProvider"): (
        "let a further client use the OIDC provider",
        "widen the OIDC provider",
    ),
    ("iam", "UpdateOpenIDConnectProviderThumbprint"): (
        "changed the certificate of the OIDC provider",
        "change the certificate of the OIDC provider",
    ),
    ("rolesanywhere", "CreateTrustAnchor"): ("added the trust anchor", "add the trust anchor"),
    ("rolesanywhere", "UpdateTrustAnchor"): ("changed the trust anchor", "change the trust anchor"),
    ("rolesanywhere", "EnableTrustAnchor"): ("switched on the trust anchor", "switch on the trust anchor"),
    ("rolesanywhere", "CreateProfile"): ("added the Roles Anywhere profile", "add the Roles Anywhere profile"),
    ("rolesanywhere", "UpdateProfile"): ("changed the Roles Anywhere profile", "change the Roles Anywhere profile"),
    ("sso", "AssociateDirectory"): ("tied Identity Center to the directory", "tie Identity Center to the directory"),
    ("sso", "DisassociateDirectory"): (
        "cut Identity Center from the directory",
        "cut Identity Center from the directory",
    ),
    ("sso", "UpdateInstanceAccessControlAttributeConfiguration"): (
        "changed which attributes decide access in Identity Center",
        "change which attributes decide access in Identity Center",
    ),
    ("sso-directory", "EnableExternalIdPConfigurationForDirectory"): (
        "had an external provider vouch for Identity Center",
        "have an external provider vouch for Identity Center",
    ),
    ("sso-directory", "DisableExternalIdPConfigurationForDirectory"): (
        "had the external provider vouch for Identity Center no longer",
        "have the external provider vouch for Identity Center no longer",
    ),
}
_SERVICES = sorted({service for service, _ in _CALLS})
_IDENTITY_CENTERS_OWN = "AWSSSO_"  # the provider that Identity Center makes in each account


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    words = _CALLS.get((service_of(event), event.text("eventName")))
    if words is None:
        return OTHER_CALL
    provider = _provider(event)
    if event.actor.invoked_by == "sso.amazonaws.com" and provider.startswith(_IDENTITY_CENTERS_OWN):
        return Pass(reason="Identity Center makes its own provider in each account")
    did, tried = (f"{word} {short(provider) or '(unnamed)'}" for word in words)
    return Concern(
        summary=sentence(event, did, tried, "whoever controls it can be anybody whom roles trust through it"),
        subject=f"identity provider {short(provider) or 'unknown'}",
        severity=Severity.HIGH if event.succeeded else lowered(Severity.HIGH, 2),
        group=f"identity-provider:{short(provider) or event.name}",
        facts=facts(
            ("Provider", provider),
            ("Client", event.text("requestParameters", "clientID")),
        ),
        exhibits=request_exhibit(event),
    )


def _provider(event: Event) -> str:
    for key in (
        "sAMLProviderArn",
        "openIDConnectProviderArn",
        "url",
        "name",
        "trustAnchorId",
        "profileId",
        "directoryId",
    ):
        if found := event.text("requestParameters", key):
            return tail(found) if found.startswith("arn:") else found
    return ""


IDENTITY_PROVIDER_CHANGED = Detection(
    id="identity-provider-changed",
    title="An identity provider was added or changed",
    why="Whoever controls a provider can sign as any identity it vouches for: a back door without user or key.",
    severity=Severity.HIGH,
    pattern={
        "source": [f"aws.{service}" for service in _SERVICES],
        "detail-type": [API_CALL],
        "detail": {
            "eventSource": [f"{service}.amazonaws.com" for service in _SERVICES],
            "eventName": sorted({name for _, name in _CALLS}),
        },
    },
    assess=assess,
    respond=(
        "Ask the people who run your identity provider whether the change is theirs",
        "List the roles that trust the provider, and who has assumed them since",
        "If nobody can explain it: remove the provider and revoke those roles' sessions",
    ),
    regions=Regions.EVERY,  # Roles Anywhere and Identity Center are regional
    attack=("T1484.002", "T1556.007"),
)
