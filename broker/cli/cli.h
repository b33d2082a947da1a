#pragma once

namespace broker {

/// The command line. Exit status: 0 done, 1 failed, 2 bad usage; `berth run` gives its command's own (128 + signal when it was killed).
int run_command_line(int argc, char** argv);

}  // namespace broker
