// The closed list of what a kernel may refuse, and the only thing a kernel throws.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace imi {

// Each fault has a Python class of the same meaning in imicore/errors.py; imicore/_raise.h holds
// the switch, without a default, so that a new fault does not compile until it is named there.
enum class Fault {
    bad_argument,         // a size, range or flag that no caller should have passed
    payload_too_long,     // the payload does not fit the largest symbol allowed
    no_such_size,         // not one of the 48 symbol sizes
    not_encodable,        // the payload cannot be written in the encodation that was demanded
    uncorrectable,        // more damage than Reed-Solomon can prove away
    malformed_codewords,  // corrected codewords that are not a message
    backend_missing,      // no usable libcrypto on this machine
    backend_failure,      // libcrypto refused or failed
};

class Error : public std::exception {
public:
    Error(Fault fault, std::string message) : fault_(fault), message_(std::move(message)) {}
    Fault fault() const noexcept { return fault_; }
    const char* what() const noexcept override { return message_.c_str(); }

private:
    Fault fault_;
    std::string message_;
};

}  // namespace imi
