#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "db/ledger.h"

namespace db {

const std::string key_a(26, 'a');
const std::string key_b(26, 'b');

inline Job job_of(const std::string& key, const std::string& id, Seconds created = 100)
{
    Job job;
    job.key = key;
    job.id = id;
    job.profile = "default";
    job.created = created;
    return job;
}

inline Object object_of(std::int64_t row, const std::string& job, const std::string& name = "db")
{
    Object object;
    object.row = row;
    object.job = job;
    object.kind = rules::Kind::container;
    object.name = name;
    object.real = "berth." + job + "." + name;
    object.created = 7;
    return object;
}

inline Refusal refusal_of(const std::string& job, Seconds at, const std::string& value = "true")
{
    return {job, "container.create", "HostConfig.Privileged", "privileged", value, at};
}

inline std::vector<std::string> ids(const std::vector<Job>& jobs)
{
    std::vector<std::string> result;
    for (const Job& job : jobs) result.push_back(job.id);
    return result;
}

inline std::vector<std::int64_t> rows(const std::vector<Object>& objects)
{
    std::vector<std::int64_t> result;
    for (const Object& object : objects) result.push_back(object.row);
    return result;
}

using Ids = std::vector<std::string>;
using Numbers = std::vector<std::int64_t>;

class LedgerTest : public testing::Test {
protected:
    Ledger ledger{":memory:"};
};

}  // namespace db
