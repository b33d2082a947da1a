#pragma once

#include <sys/stat.h>

#include <utility>

namespace broker {

/// A descriptor, closed with this.
class File {
public:
    explicit File(int descriptor = -1) : descriptor_(descriptor) {}
    File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    File& operator=(File&& other) noexcept
    {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~File();

    int get() const { return descriptor_; }
    int release() { return std::exchange(descriptor_, -1); }  ///< it is the caller's now
    bool is_directory() const;

private:
    int descriptor_;
};

/// Throws std::system_error.
struct stat status_of(const File& file);

}  // namespace broker
