# Makes cast.json: Rscript cast.R > cast.json, with R and the packages CAST and jsonlite.
# The file that is there was made with R 4.2.2 and FNN 1.1.3.1 by the statements of trainDI and aoa for numbers with given
# folds and weights (CAST, commit f4fd2bd8), copied out of the package, which Debian does not have: the same draws, in the
# same order, written without jsonlite.
# Samples around the centers of 5 folds, in 4 units, and places around them; the first two places are samples.
library(CAST)

set.seed(20211116)
units <- diag(c(1, 10, 0.1, 250))

case <- function(name, apart, weight) {
  fold <- rep(1:5, each = 12)
  centers <- matrix(rnorm(5 * 4, 0, apart), 5, 4)
  train <- round((centers[fold, ] + matrix(rnorm(60 * 4), 60, 4)) %*% units, 4)
  new <- round(rbind(train[c(7, 41), ], matrix(rnorm(30 * 4, 0, 1 + apart), 30, 4) %*% units), 4)
  columns <- paste0("v", 1:4)
  colnames(train) <- colnames(new) <- columns
  weights <- setNames(data.frame(t(weight)), columns)
  known <- trainDI(train = as.data.frame(train), variables = columns, weight = weights, CVtest = fold)
  found <- aoa(as.data.frame(new), trainDI = known)
  list(
    name = jsonlite::unbox(name), train = unname(train), folds = fold, weights = weight, new = unname(new),
    mean_distance = jsonlite::unbox(known$trainDist_avrgmean), train_di = known$trainDI,
    threshold = jsonlite::unbox(as.numeric(known$threshold)), di = found$DI
  )
}

cases <- list(
  case("folds apart", 2, c(1, 1, 1, 1)),
  case("weighted", 0.5, c(1.5, 0.25, 3, 0)),
  case("no outlier", 0, c(1, 1, 1, 1))
)
cat(jsonlite::toJSON(cases, digits = 15), "\n")
