#include "broker/redaction.h"

#include "broker/random.h"

namespace broker {

const rules::Redactor& redactor()
{
    static const rules::Redactor one(rules::HashKey{random_number(), random_number()});
    return one;
}

}  // namespace broker
