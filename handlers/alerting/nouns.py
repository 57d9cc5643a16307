"""Words for kinds of things, where code has them as values: "user" in a table is a phrase in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.text import Text, phrase

_NOUNS: Mapping[str, Text] = {
    str(noun): noun
    for noun in (
        phrase("user"),
        phrase("role"),
        phrase("group"),
        phrase("policy"),
        phrase("permission set"),
        phrase("member"),
        phrase("principal"),
        phrase("users"),
        phrase("roles"),
        phrase("groups"),
        phrase("administrator"),
        phrase("administrator under a condition"),
        phrase("can become administrator"),
        phrase("not administrator"),
        phrase("could not judge"),
        phrase("root user"),
        phrase("AWS acting for the account"),
        phrase("root session opened by the organisation (AssumeRoot)"),
        phrase("federated session of root"),
        phrase("IAM user"),
        phrase("role session"),
        phrase("federated user"),
        phrase("Identity Center user"),
        phrase("SAML user"),
        phrase("web identity user"),
        phrase("another AWS account"),
        phrase("AWS service"),
        phrase("unknown identity"),
        phrase("yes"),
        phrase("no"),
        phrase("unknown"),
        phrase("analyzer"),
        phrase("bucket"),
        phrase("detector"),
        phrase("event data store"),
        phrase("hub"),
        phrase("key"),
        phrase("recorder"),
        phrase("scanner"),
        phrase("session"),
        phrase("trail"),
        phrase("account"),
        phrase("configuration recorder"),
        phrase("customer gateway"),
        phrase("delivery channel"),
        phrase("egress-only internet gateway"),
        phrase("internet gateway"),
        phrase("invitation"),
        phrase("NAT gateway"),
        phrase("network"),
        phrase("network ACL"),
        phrase("organization"),
        phrase("organization policy"),
        phrase("organizational unit"),
        phrase("peering connection"),
        phrase("resource policy of the organization"),
        phrase("route table"),
        phrase("security group"),
        phrase("VPN gateway"),
    )
}


def noun(kind: str) -> str:
    """The phrase for a kind; the kind itself where there is none."""
    return _NOUNS.get(kind, kind)
