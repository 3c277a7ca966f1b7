//! The three passes of a convolution, each with the kernels of its kind.

use super::{ConvShape, convolve, depthwise, weight_gradient};

impl ConvShape {
    /// The convolution: `x` of the pictures, `kernels`, and a `bias` for each output channel.
    ///
    /// # Panics
    /// If a length differs from [`ConvShape::values`].
    pub fn convolve(&self, x: &[f32], kernels: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        self.check(&[(x, 0), (kernels, 2)]);
        assert!(bias.is_none_or(|bias| bias.len() == self.outputs), "a bias for each output channel");
        if self.depthwise {
            depthwise::convolve(self, x, kernels, bias)
        } else {
            convolve::convolve(self, x, kernels, bias)
        }
    }

    /// The gradient of the input, from that of the output.
    ///
    /// # Panics
    /// As [`ConvShape::convolve`].
    pub fn input_gradient(&self, gradient: &[f32], kernels: &[f32]) -> Vec<f32> {
        self.check(&[(gradient, 1), (kernels, 2)]);
        if self.depthwise {
            depthwise::input_gradient(self, gradient, kernels)
        } else {
            convolve::input_gradient(self, gradient, kernels)
        }
    }

    /// The gradient of the kernels, from the input and the gradient of the output.
    ///
    /// # Panics
    /// As [`ConvShape::convolve`].
    pub fn kernel_gradient(&self, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        self.check(&[(x, 0), (gradient, 1)]);
        if self.depthwise {
            depthwise::kernel_gradient(self, x, gradient)
        } else {
            weight_gradient::kernel_gradient(self, x, gradient)
        }
    }
}
