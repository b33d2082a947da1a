#include "broker/engine/redaction.h"

#include "broker/io/random.h"

namespace broker {

const rules::Redactor& redactor()
{
    static const rules::Redactor one(rules::HashKey{random_number(), random_number()});
    return one;
}

EngineFailure failure_of(const std::string& what, const Answer& answer)
{
    return EngineFailure(what + ": " + redactor().engine_error(answer.message()));
}

rules::Error error_of(const Answer& answer)
{
    return {answer.status, redactor().engine_error(answer.message())};
}

}  // namespace broker
