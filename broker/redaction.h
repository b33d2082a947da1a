#pragma once

#include "rules/redact.h"

namespace broker {

/// Says what of a job's texts may be kept or logged. Its key is this process's, and written nowhere: who has the ledger cannot try out texts.
const rules::Redactor& redactor();

}  // namespace broker
