// From a stored campaign to the summary that reports are made of. Pure; thread-safe.
#pragma once

#include "base/result.hpp"
#include "campaign/summary.hpp"
#include "store/records.hpp"

namespace lastcall {

// As the campaign itself summed up. Of one that has not ended, what there is so far, as if it had
// been interrupted. An error: a scenario makes no sense to this lastcall.
// Give it the campaign away if nobody needs its trials any more: there may be a hundred thousand.
Result<CampaignSummary> summary_of(StoredCampaign campaign);

}  // namespace lastcall
