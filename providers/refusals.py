"""The words in which panels say no, and what each of them means for an order: one table.

Panels answer in sentences, not codes, and every family of panel software has its own. What stands here is a
certain no: nothing was ordered. What does not stand here may mean anything, and the caller treats it so; a new
sentence is added when a review has shown what it means. A text is compared as a whole, without regard to case,
punctuation and underscores, so that `neworder.error.not_enough_funds` is read like a sentence.
"""

import re

from providers.errors import LinkBusy, ProviderError, Refused, RefusedForNow

TEXT_CHARACTERS_MAX = 500  # a longer text is a page, not a sentence

# They say no to everything we ask, until somebody there or here does something.
FOR_NOW = (
    r"not enough (funds|balance|money|credits?)( (on|in) (the |your )?(balance|account))?( to place .*)?",
    r"(you )?(do not|don't|dont) have (enough|sufficient) (funds|balance|money|credits?).*",
    r"(insufficient|low) (funds?|balance|credits?)( (on|in|to|for) .*)?",
    r"(your )?balance (is )?(too low|not enough|insufficient).*",
    r"order amount exceeds available funds",
    r"(api )?rate limit( is| was)?( exceeded| reached)?( .*)?",
    r"too many (requests|attempts)( .*)?",
    r"(api )?requests? limit (exceeded|reached)( .*)?",
    r"(invalid|incorrect|wrong|bad|missing|unknown|empty|inactive) (or \w+ )?(api )?(key|token)( .*)?",
    r"(the |your )?(api )?(key|token) (is )?(invalid|incorrect|wrong|missing|required|expired|not (found|valid))",
    r"missing/invalid key",
    r"unauthori[sz]ed( (access|request|user))?",
    r"access denied",
    r"api is disabled? for this user or user not found.*",
    r"(api (access )?|user )(is )?(disabled|inactive|blocked|banned|suspended|deactivated|not active)( .*)?",
    r"(your |the )?account (is |was |has been )?(suspended|blocked|banned|disabled|deactivated|locked|frozen)( .*)?",
    r"(your )?ip( address)? (\S+ )?(is )?(not (allowed|whitelisted|authori[sz]ed)|blocked|banned)( .*)?",
    r"((the |our )?(panel|site|website|system|api|server) )?(is )?(currently )?((under|in|on|for) )?maintenance( .*)?",
)

# They will take it when they have finished what they have for this link.
LINK_BUSY = (
    r"you (already )?have (already )?(an )?(active|pending) order (with|for|on|to) this (link|url|page).*",
    r"(there is |there's )?(already )?(an )?active order (with|for|on|to) (this|the same) (link|url).*",
    r"link duplicate",
    r"duplicated? (order|link)( .*)?",
    r"(an )?order (with|for|on|to) this link (already exists|is (already )?(active|in progress|processing))( .*)?",
    r"(this |the )?link (is )?(currently |already )?(active|(being |in )?process(ed|ing)?|in progress|in use)( .*)?",
    r"(please )?wait until (the |your |this |previous |last )*order .*",
)

_GONE = (
    r"(not (active|available|found)|inactive|disabled|deactivated|removed|deleted|paused|closed"
    r"|(under|in|on) maintenance)"
)
_WRONG = r"(bad|incorrect|invalid|wrong|unknown|empty|missing|no)"
_PARAMETERS = (
    r"(link|url|quantity|service( id)?|comments?|usernames?|hashtags?|keywords?|media( url)?|groups?|country|device"
    r"|type of traffic|answer( number)?|google keyword|referring url)"
)
# They will never take this order.
ORDER_REFUSED = (
    r"(incorrect|invalid|bad) request( .*)?",
    r"((this )?action is invalid|(incorrect|invalid|unknown) action)",
    r"(there are )?missing (required )?parameters?( .*)?",
    rf"{_WRONG} {_PARAMETERS}( format)?( \S+)?",
    rf"(the )?{_PARAMETERS} (field )?((is|are) )?(required|invalid|incorrect|wrong|missing|empty|not valid)( .*)?",
    r"disabled service( id)?",
    rf"(this |the )?services?( id)?( [0-9]+)? (is |was |has been )?{_GONE}( .*)?",
    r"(this |the )?service (is |was )unavailable( .*)?",  # "service unavailable" is what a broken web server says
    r"(this |the )?service( id)? (does not|doesn't|doesnt) exists?",
    r"quantity (is )?too (low|high|small|large|big|much)( .*)?",
    r"quantity (is )?(less|lower|smaller|more|greater|higher|bigger|larger) than( .*)?",
    r"quantity must( to)? be .*",
    r"(min|max)(imum|imal)?( order)? (quantity|amount)( .*)?",
    r"order amount exceeds available (the )?min(imum)? or max(imum)?",
    r"(link|invalid link|link not found)",
    r"(this |the |your )?link (is )?(private|broken|blocked|blacklisted|not (found|public|allowed|supported))( .*)?",
    r"(this |the |your )?(account|profile|page|post|video|channel|group) (is )?private( .*)?",
    r"(this |the |your )?(profile|page|post|video|channel|group) (is )?not (found|public)( .*)?",
    r"private (account|profile)",
    r"you can ?not order more than \S+ per link",
)

# What an order or refill that we asked about will never get, or that there is none.
UNKNOWN_ID = (
    r"(incorrect|invalid|wrong|bad|unknown) (order|refill|task)( id)?( \S+)?",
    r"(the )?(order|refill|task)( id)?( \S+)? (is )?(not found|(does not|doesn't|doesnt) exists?)",
)
UPKEEP_REFUSED = (
    *UNKNOWN_ID,
    r"(incorrect|invalid|bad) request( .*)?",
    r"((this )?action is invalid|(incorrect|invalid|unknown) action)",
    r"(the |this )?order (is |was |has been )?(already )?(completed|cancell?ed|finished|partial|refunded)",
    r"(the |this )?order (is )?not (completed|finished|eligible( for (re-?fill|cancell?(ation)?))?)( yet)?",
    r"(re-?fill|cancel(lation)?) (is )?(not (available|allowed|possible|supported)|unavailable|disabled)( .*)?",
    r"(the |this )?(order )?(can ?not|can't|cant) (be )?(re-?fill(ed)?|cancel(l?ed)?)( .*)?",
    r"(this |the )?service (does not|doesn't) (support|have) (re-?fill|cancel(lation)?)( .*)?",
    r"(re-?fill|cancel(lation)?) (is |was |has been )?already (requested|in progress|exists)( .*)?",
    r"(re-?fill )?(time|period|window|guarantee) (is |has )?(over|expired|ended)( .*)?",
    r"(the )?order was completed or re-?fill was requested less than .*",
)


def _any(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


# Whatever else a sentence says: something was done.
_DONE = re.compile(r"\b(accepted|added|created|opened|placed|queued|received|success\w*)\b")
_ALWAYS = ((_any(FOR_NOW), RefusedForNow),)
_ORDERING = (*_ALWAYS, (_any(LINK_BUSY), LinkBusy), (_any(ORDER_REFUSED), Refused))
_UPKEEP = (*_ALWAYS, (_any(UPKEEP_REFUSED), Refused))
_UNKNOWN_ID = _any(UNKNOWN_ID)


def classify_order_refusal(text: str) -> type[ProviderError] | None:
    """Say what an error text means in answer to `add`; None where nobody knows."""
    return _classify(text, _ORDERING)


def classify_refusal(text: str) -> type[ProviderError] | None:
    """Say what an error text means in answer to any other call; None where nobody knows."""
    return _classify(text, _UPKEEP)


def says_unknown_id(text: str) -> bool:
    """Say whether an error text means that there is no such order or refill."""
    return _UNKNOWN_ID.fullmatch(_plain(text)) is not None


def _classify(text: str, table: tuple[tuple[re.Pattern[str], type[ProviderError]], ...]) -> type[ProviderError] | None:
    if len(text) > TEXT_CHARACTERS_MAX:
        return None
    plain = _plain(text)
    if _DONE.search(plain):
        return None
    return next((error for pattern, error in table if pattern.fullmatch(plain)), None)


def _plain(text: str) -> str:
    """Leave words with one blank in between; an apostrophe and a slash are part of a word."""
    words = re.sub(r"[^\w'/-]|_", " ", text.casefold().replace("’", "'")).split()
    return re.sub(r"^(neworder )?error (?=.)", "", " ".join(words))
