"""Who vouches for identities was added or changed: SAML, OIDC, Roles Anywhere, Identity Center's source."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.calls import API_CALL, OTHER_CALL, service_of
from handlers.detections.words import facts, lowered, request_exhibit, sentence, tail

# (service, call) -> what was done, and what one would have tried.
_CALLS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("iam", "CreateSAMLProvider"): (phrase("added the SAML provider"), phrase("add the SAML provider")),
    ("iam", "UpdateSAMLProvider"): (phrase("changed the SAML provider"), phrase("change the SAML provider")),
    ("iam", "CreateOpenIDConnectProvider"): (phrase("added the OIDC provider"), phrase("add the OIDC provider")),
    ("iam", "AddClientIDToOpenIDConnectProvider"): (
        phrase("let a further client use the OIDC provider"),
        phrase("widen the OIDC provider"),
    ),
    ("iam", "UpdateOpenIDConnectProviderThumbprint"): (
        phrase("changed the certificate of the OIDC provider"),
        phrase("change the certificate of the OIDC provider"),
    ),
    ("rolesanywhere", "CreateTrustAnchor"): (phrase("added the trust anchor"), phrase("add the trust anchor")),
    ("rolesanywhere", "UpdateTrustAnchor"): (phrase("changed the trust anchor"), phrase("change the trust anchor")),
    ("rolesanywhere", "EnableTrustAnchor"): (
        phrase("switched on the trust anchor"),
        phrase("switch on the trust anchor"),
    ),
    ("rolesanywhere", "CreateProfile"): (
        phrase("added the Roles Anywhere profile"),
        phrase("add the Roles Anywhere profile"),
    ),
    ("rolesanywhere", "UpdateProfile"): (
        phrase("changed the Roles Anywhere profile"),
        phrase("change the Roles Anywhere profile"),
    ),
    ("sso", "AssociateDirectory"): (
        phrase("tied Identity Center to the directory"),
        phrase("tie Identity Center to the directory"),
    ),
    ("sso", "DisassociateDirectory"): (
        phrase("cut Identity Center from the directory"),
        phrase("cut {service} from the directory", service="Identity Center"),
    ),
    ("sso", "UpdateInstanceAccessControlAttributeConfiguration"): (
        phrase("changed which attributes decide access in Identity Center"),
        phrase("change which attributes decide access in Identity Center"),
    ),
    ("sso-directory", "EnableExternalIdPConfigurationForDirectory"): (
        phrase("had an external provider vouch for Identity Center"),
        phrase("have an external provider vouch for Identity Center"),
    ),
    ("sso-directory", "DisableExternalIdPConfigurationForDirectory"): (
        phrase("had the external provider vouch for Identity Center no longer"),
        phrase("have the external provider vouch for Identity Center no longer"),
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
    did, tried = words
    name = short(provider) or phrase("(unnamed)")
    return Concern(
        summary=sentence(
            event,
            phrase("{did} {provider}", did=did, provider=name),
            phrase("{tried} {provider}", tried=tried, provider=name),
            phrase("whoever controls it can be anybody whom roles trust through it"),
        ),
        subject=(
            phrase("identity provider {provider}", provider=short(provider))
            if provider
            else phrase("identity provider unknown")
        ),
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
