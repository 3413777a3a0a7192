"""Where the regions of the clouds lie, as ISO 3166 codes; parts of a country only in the United States.

From the clouds' own lists of regions (docs.aws.amazon.com, docs.cloud.google.com, learn.microsoft.com, 2026). A region
that is not here is told without a place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

_AWS = {
    "us-east-1": "US-VA", "us-east-2": "US-OH", "us-west-1": "US-CA", "us-west-2": "US-OR", "us-gov-east-1": "US-OH",
    "us-gov-west-1": "US-OR", "ca-central-1": "CA", "ca-west-1": "CA", "mx-central-1": "MX", "sa-east-1": "BR",
    "eu-west-1": "IE", "eu-west-2": "GB", "eu-west-3": "FR", "eu-central-1": "DE", "eu-central-2": "CH",
    "eu-north-1": "SE", "eu-south-1": "IT", "eu-south-2": "ES", "eusc-de-east-1": "DE", "me-south-1": "BH",
    "me-central-1": "AE", "il-central-1": "IL", "af-south-1": "ZA", "ap-south-1": "IN", "ap-south-2": "IN",
    "ap-southeast-1": "SG", "ap-southeast-2": "AU", "ap-southeast-3": "ID", "ap-southeast-4": "AU",
    "ap-southeast-5": "MY", "ap-southeast-6": "NZ", "ap-southeast-7": "TH", "ap-northeast-1": "JP",
    "ap-northeast-2": "KR", "ap-northeast-3": "JP", "ap-east-1": "HK", "ap-east-2": "TW", "cn-north-1": "CN",
    "cn-northwest-1": "CN",
}  # fmt: skip
_GOOGLE = {
    "us-central1": "US-IA", "us-east1": "US-SC", "us-east4": "US-VA", "us-east5": "US-OH", "us-south1": "US-TX",
    "us-west1": "US-OR", "us-west2": "US-CA", "us-west3": "US-UT", "us-west4": "US-NV", "us": "US",
    "northamerica-northeast1": "CA", "northamerica-northeast2": "CA", "northamerica-south1": "MX",
    "southamerica-east1": "BR", "southamerica-west1": "CL", "europe-west1": "BE", "europe-west2": "GB",
    "europe-west3": "DE", "europe-west4": "NL", "europe-west6": "CH", "europe-west8": "IT", "europe-west9": "FR",
    "europe-west10": "DE", "europe-west12": "IT", "europe-north1": "FI", "europe-north2": "SE",
    "europe-central2": "PL", "europe-southwest1": "ES", "me-west1": "IL", "me-central1": "QA", "me-central2": "SA",
    "africa-south1": "ZA", "asia-east1": "TW", "asia-east2": "HK", "asia-northeast1": "JP", "asia-northeast2": "JP",
    "asia-northeast3": "KR", "asia-south1": "IN", "asia-south2": "IN", "asia-southeast1": "SG",
    "asia-southeast2": "ID", "asia-southeast3": "TH", "australia-southeast1": "AU", "australia-southeast2": "AU",
}  # fmt: skip

_AZURE = {
    "north central us": "US-IL", "south central us": "US-TX", "west central us": "US-WY", "central us": "US-IA",
    "east us 2": "US-VA", "east us": "US-VA", "west us 2": "US-WA", "west us 3": "US-AZ", "west us": "US-CA",
    "canada central": "CA", "canada east": "CA", "mexico central": "MX", "brazil south": "BR", "chile central": "CL",
    "north europe": "IE", "west europe": "NL", "uk south": "GB", "uk west": "GB", "france central": "FR",
    "germany west central": "DE", "norway east": "NO", "sweden central": "SE", "switzerland north": "CH",
    "poland central": "PL", "italy north": "IT", "spain central": "ES", "austria east": "AT", "belgium central": "BE",
    "southeast asia": "SG", "east asia": "HK", "australia east": "AU", "australia southeast": "AU",
    "australia central": "AU", "new zealand north": "NZ", "central india": "IN", "south india": "IN",
    "west india": "IN", "japan east": "JP", "japan west": "JP", "korea central": "KR", "korea south": "KR",
    "indonesia central": "ID", "malaysia west": "MY", "uae north": "AE", "uae central": "AE", "qatar central": "QA",
    "israel central": "IL", "south africa north": "ZA", "south africa west": "ZA",
}  # fmt: skip


def of_aws(region: str) -> str | None:
    """Where an AWS region (``me-central-1``) lies."""
    return _AWS.get(region)


def of_google(locations: Iterable[str]) -> str | None:
    """The one place of Google Cloud locations (``us-central1``, the zone ``us-central1-b``); None when none or several.

    Several regions of one country are that country; ``global`` is no place.
    """
    return _the_one({_GOOGLE.get(_region_of_zone(location)) for location in locations})


def of_azure(text: str) -> str | None:
    """The one place of the Azure regions (``West US``) a short text names; None when none or several."""
    left, found = f" {text.lower()} ", set()
    for name in sorted(_AZURE, key=len, reverse=True):
        # The longer names first, and out of the way: "North Central US" is not "Central US".
        if re.search(rf"\b{name}\b", left):
            found.add(_AZURE[name])
            left = left.replace(name, " ")
    return _the_one(found)


def _the_one(found: Collection[str | None]) -> str | None:
    places = {place for place in found if place}
    if not places or len(places) < len(found):
        return None
    if len(places) == 1:
        return places.pop()
    countries = {place.partition("-")[0] for place in places}
    return countries.pop() if len(countries) == 1 else None


def _region_of_zone(location: str) -> str:
    region, _, zone = location.rpartition("-")
    return region if len(zone) == 1 and region else location
