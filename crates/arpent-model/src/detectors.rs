//! Detectors: one that scores anchors, with torchvision's names, and one without anchors.

use crate::encoders::{Encoder, resnet50};
use crate::graph::{Activation, Graph, Layer, Op};

/// Anchors of each pixel of a feature map.
pub(crate) const ANCHORS: usize = 9;

/// Halvings of the picture in the feature maps that are searched, coarsest first.
pub(crate) const LEVELS: [u32; 5] = [7, 6, 5, 4, 3];

/// Channels of all feature maps.
const WIDTH: usize = 256;

/// Values of each pixel of a feature map: for each anchor the scores of the classes, then for each anchor the shift and
/// the logarithm of the size of its box.
pub(crate) const fn values(classes: usize) -> usize {
    ANCHORS * (classes + 4)
}

/// RetinaNet (Lin et al., *Focal loss for dense object detection*, 2017) with a ResNet-50 and a pyramid of five feature
/// maps: the values of all of them, coarsest first, each pixel's repeated over the pixels of the picture that it stands for.
pub(crate) fn retinanet(inputs: usize, classes: usize) -> Graph {
    let mut graph = Graph::default();
    let body = resnet50(&mut graph, inputs, "backbone.body");
    let input = graph.input(0, inputs);
    let maps = body.run(&mut graph, input);
    let Some(pyramid) = pyramid(&mut graph, &maps) else { return graph };
    // The layers of both heads are those of all maps. That of the scores is the last one of the graph.
    let tower = |graph: &mut Graph, head: &str| {
        let layer = |i| Layer::biased(format!("head.{head}.conv.{i}.0"), [WIDTH, WIDTH], 3);
        [0, 1, 2, 3].map(|i| graph.layer(layer(i)))
    };
    let regression = tower(&mut graph, "regression_head");
    let boxes = Layer::biased("head.regression_head.bbox_reg", [WIDTH, 4 * ANCHORS], 3);
    let boxes = graph.layer(boxes);
    let classification = tower(&mut graph, "classification_head");
    let scores = Layer::biased("head.classification_head.cls_logits", [WIDTH, classes * ANCHORS], 3);
    let scores = graph.layer(scores);
    let mut all = None;
    for map in pyramid {
        let mut head = |tower: [usize; 4], last: usize| {
            let at = tower.into_iter().fold(map, |at, layer| graph.conv(at, layer, Activation::Relu));
            graph.conv(at, last, Activation::None)
        };
        let (scored, shifted) = (head(classification, scores), head(regression, boxes));
        let found = graph.concat(scored, shifted);
        all = Some(match all {
            None => found,
            Some(coarser) => {
                let doubled = graph.upsample(coarser, 1);
                graph.concat(doubled, found)
            }
        });
    }
    if let Some(all) = all {
        graph.upsample(all, LEVELS[LEVELS.len() - 1]);
    }
    graph
}

/// The feature pyramid (Lin et al., *Feature pyramid networks for object detection*, 2017) of an encoder's maps, coarsest
/// first, with two more maps that are coarser.
fn pyramid(graph: &mut Graph, maps: &[usize]) -> Option<[usize; 5]> {
    let &[_, _, c3, c4, c5] = maps else { return None };
    let mut inner = Vec::new();
    for (i, map) in [c3, c4, c5].into_iter().enumerate() {
        let name = format!("backbone.fpn.inner_blocks.{i}.0");
        let layer = graph.layer(Layer::biased(name, [graph.channels(map), WIDTH], 1));
        inner.push(graph.conv(map, layer, Activation::None));
    }
    let mut top = *inner.last()?;
    let mut outer = Vec::new();
    for i in [2, 1, 0] {
        if i < 2 {
            let doubled = graph.upsample(top, 1);
            top = graph.combine(Op::Add, [inner[i], doubled], Activation::None);
        }
        let layer = Layer::biased(format!("backbone.fpn.layer_blocks.{i}.0"), [WIDTH, WIDTH], 3);
        let layer = graph.layer(layer);
        outer.push(graph.conv(top, layer, Activation::None));
    }
    let &[p5, p4, p3] = outer.as_slice() else { return None };
    let extra = |name: &str| {
        Layer::biased(format!("backbone.fpn.extra_blocks.{name}"), [WIDTH, WIDTH], 3).sized(3, 2)
    };
    let (six, seven) = (graph.layer(extra("p6")), graph.layer(extra("p7")));
    let p6 = graph.conv(p5, six, Activation::None);
    // The coarsest map is made of what is positive in the one before, which is searched as it is.
    let positive = graph.conv(p5, six, Activation::Relu);
    let p7 = graph.conv(positive, seven, Activation::None);
    Some([p7, p6, p5, p4, p3])
}

/// Values of each pixel of a map of a detector without anchors: the scores of the classes, the nearness of an object's
/// center, and its box. That is the logarithms of the distances to its west, north, east and south side, in strides of the
/// map; or of a box with a direction
///
/// - columns and rows from the pixel's place to its center, in strides;
/// - the logarithm of the geometric mean of the halves of its sides, in strides;
/// - the cosine and the sine of twice the angle of its longer side, times the logarithm of how many times it is the shorter.
///
/// The last three are half of the logarithm of the covariance of the rectangle's pixels, as a matrix, but for a constant: equal
/// rectangles have equal values, and similar ones similar values, at any angle and for squares (whose direction they do not hold).
pub(crate) const fn location_values(classes: usize, oriented: bool) -> usize {
    classes + if oriented { 6 } else { 5 }
}

/// Level of the coarsest feature map of an encoder.
const DEEPEST: u32 = 5;

/// Name of the last layer of a branch (`scores`, `boxes`) of the head of a map.
pub(crate) fn last_layer(stride: usize, branch: &str) -> String {
    format!("head.{stride}.{branch}.last")
}

/// A detector without anchors ([`crate::Architecture::Fcos`]).
pub(crate) struct Located<'a> {
    pub(crate) encoder: Encoder,
    /// Finest first.
    pub(crate) strides: &'a [usize],
    pub(crate) width: usize,
    pub(crate) convs: usize,
    /// Whether boxes have a direction.
    pub(crate) oriented: bool,
}

impl Located<'_> {
    /// The values of all maps, coarsest first, each pixel's repeated over the pixels of the picture that it stands for.
    /// The maps themselves are [`Graph::maps`], finest first.
    pub(crate) fn graph(&self, inputs: usize, classes: usize) -> Graph {
        let mut graph = Graph::default();
        let features = self.encoder.features(&mut graph, inputs);
        let pyramid = self.pyramid(&mut graph, &features);
        let heads = pyramid.into_iter().map(|(stride, map)| self.head(&mut graph, (stride, map), classes));
        let found: Vec<usize> = heads.collect();
        let all = found.iter().copied().reduce(|coarser, map| {
            let doubled = graph.upsample(coarser, 1);
            graph.concat(doubled, map)
        });
        if let (Some(all), Some(finest)) = (all, self.strides.first()) {
            graph.upsample(all, finest.ilog2());
        }
        graph.maps = found.into_iter().rev().collect();
        // Feature maps that are coarser than the coarsest one that is searched, and the layers before them.
        graph.pruned()
    }

    /// The feature pyramid of an encoder's maps, coarsest first, with its strides.
    fn pyramid(&self, graph: &mut Graph, features: &[usize]) -> Vec<(usize, usize)> {
        let (mut pyramid, mut above) = (Vec::new(), None);
        for stride in self.strides.iter().rev().copied().filter(|stride| stride.ilog2() <= DEEPEST) {
            let Some(&map) = features.iter().find(|map| graph.is_at(**map, stride.ilog2())) else { continue };
            let lateral =
                Layer::biased(format!("pyramid.{stride}.lateral"), [graph.channels(map), self.width], 1);
            let lateral = graph.layer(lateral);
            let mut at = graph.conv(map, lateral, Activation::None);
            if let Some(coarser) = above {
                let doubled = graph.upsample(coarser, 1);
                at = graph.combine(Op::Add, [at, doubled], Activation::None);
            }
            above = Some(at);
            let smooth = self.layer(graph, format!("pyramid.{stride}.smooth"), 1);
            pyramid.push((stride, graph.conv(at, smooth, Activation::Relu)));
        }
        for stride in self.strides.iter().copied().filter(|stride| stride.ilog2() > DEEPEST) {
            let Some(&(_, finer)) = pyramid.first() else { break };
            let halved = self.layer(graph, format!("pyramid.{stride}.halved"), 2);
            pyramid.insert(0, (stride, graph.conv(finer, halved, Activation::Relu)));
        }
        pyramid
    }

    /// The values of one map.
    fn head(&self, graph: &mut Graph, (stride, map): (usize, usize), classes: usize) -> usize {
        let [scores, boxes] =
            [("scores", classes), ("boxes", location_values(classes, self.oriented) - classes)].map(
                |(branch, outputs)| {
                    let name = format!("head.{stride}.{branch}");
                    let at = (0..self.convs).fold(map, |at, i| {
                        let layer = self.layer(graph, format!("{name}.{i}"), 1);
                        graph.conv(at, layer, Activation::Relu)
                    });
                    graph.head(at, &last_layer(stride, branch), outputs, 3)
                },
            );
        graph.concat(scores, boxes)
    }

    /// A 3 x 3 convolution with its normalization.
    fn layer(&self, graph: &mut Graph, name: String, stride: usize) -> usize {
        let norm = format!("{name}.norm");
        graph.layer(Layer::new(name, norm, [self.width; 2]).sized(3, stride))
    }
}
