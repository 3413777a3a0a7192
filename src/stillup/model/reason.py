"""Why a verdict is what it is: one named reason for every outcome of the rule, *nothing to say* included."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The member flows unchanged to log, terminal, alert, API and store."""

    NO_DATA = "no_data"
    """No family has fresh data: unknown is unknown."""
    ALL_CALM = "all_calm"
    """Every family with fresh data is calm."""
    PAGE_SAYS_FAULT = "page_says_fault"
    """The official page declares a fault; no independent family contradicts it."""
    PAGE_AND_FAMILIES_AGREE = "page_and_families_agree"
    """The official page declares a fault and at least one independent family is in alarm."""
    FAMILIES_AGREE = "families_agree"
    """Two or more independent families are in alarm while the page does not say so."""
    ONE_FAMILY_ALARMS = "one_family_alarms"
    """One independent family is in alarm: suspected, not more."""
    PAGE_NOT_UPDATED = "page_not_updated"
    """The page is still red, but every family that had alarmed has passed its recovery test."""
    MAINTENANCE = "maintenance"
    """The official page declares maintenance and nobody reports a fault."""
    ONLY_YOU = "only_you"
    """This machine or its network fails, not the service."""
    YOUR_QUOTA = "your_quota"
    """A rate limit, credit, plan or key of yours: never a vote for an outage."""
