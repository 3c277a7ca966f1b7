//! Networks, model packages and prediction; the only library that knows tensors
