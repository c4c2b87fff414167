// Standard input, output and error that are not what a program expects: closed, without a reader, full.
#pragma once

namespace tersegrad {

/// Opens /dev/null in place of each standard stream that the process was started without (`>&-`). Otherwise the next
/// file that is opened, a run's own, becomes that stream, and what is printed goes into it. To be called before any
/// file is opened.
void open_standard_streams();

/// Makes the loss of a reader (`| head`) a SIGTERM, so that what heeds that heeds this: SIGPIPE ends a process at once.
/// What is written from there on is lost.
void lost_reader_is_sigterm();

/// Writes what standard output still holds. \return false if any of its output was lost
bool flush_standard_output();

}  // namespace tersegrad
