#include "broker/cli/cli.h"

int main(int argc, char** argv)
{
    return broker::run_command_line(argc, argv);
}
