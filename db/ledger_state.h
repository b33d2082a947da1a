#pragma once

#include "db/file_lock.h"
#include "db/ledger.h"
#include "db/sqlite.h"

namespace db {

struct Ledger::State {
    explicit State(const std::filesystem::path& file);

    std::unique_ptr<FileLock> lock;
    Connection connection;
};

}  // namespace db
