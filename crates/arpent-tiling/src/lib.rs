//! Cut a grid into windows and put predictions back together
