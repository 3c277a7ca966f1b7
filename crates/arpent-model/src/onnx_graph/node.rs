//! Nodes of a graph that is run.

use crate::error::OnnxError;
use crate::protobuf::{Message, Wire};

use super::tensor::{Tensor, check_name, damaged, field, shown, within};

/// Most inputs or outputs, and attributes, of a node.
const MOST_OF_NODE: usize = 4096;

/// A node: what it computes from what.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    pub(super) operator: &'a str,
    pub(super) domain: &'a str,
    pub(super) name: &'a str,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    pub(super) attributes: Vec<Message<'a>>,
    /// Constants that it holds.
    pub(super) tensors: Vec<Tensor<'a>>,
}

/// The domain of the standard's operators has two names.
const STANDARD: &str = "ai.onnx";

impl<'a> Node<'a> {
    pub(super) fn read(mut message: Message<'a>) -> Result<Self, OnnxError> {
        let mut node = Self::default();
        while let Some((number, wire)) = message.next()? {
            let Wire::Bytes(inside) = wire else { continue };
            match number {
                field::node::OPERATOR => node.operator = inside.text()?,
                field::node::DOMAIN => node.domain = inside.text()?,
                field::node::NAME => node.name = inside.text()?,
                field::node::INPUT => node.inputs.push(inside.text()?),
                field::node::OUTPUT => node.outputs.push(inside.text()?),
                field::node::ATTRIBUTE => {
                    node.add_tensors(inside)?;
                    node.attributes.push(inside);
                }
                _ => {}
            }
            let all = node.inputs.len() + node.outputs.len() + node.attributes.len();
            within("inputs, outputs and attributes of a node", all, MOST_OF_NODE)?;
        }
        // Names of operators are printed.
        for name in [node.operator, node.domain] {
            if !name.is_empty() {
                check_name(name)?;
            }
        }
        if node.domain == STANDARD {
            node.domain = "";
        }
        Ok(node)
    }

    /// The operator, with its domain if that is not the standard's.
    pub(super) fn full_name(&self) -> String {
        if self.domain.is_empty() {
            self.operator.to_owned()
        } else {
            format!("{}.{}", self.domain, self.operator)
        }
    }

    fn add_tensors(&mut self, mut attribute: Message<'a>) -> Result<(), OnnxError> {
        while let Some((number, wire)) = attribute.next()? {
            match (number, wire) {
                (field::attribute::TENSOR, Wire::Bytes(tensor)) => {
                    self.tensors.push(Tensor::read_any(tensor)?);
                }
                (field::attribute::GRAPH | field::attribute::GRAPHS, _) => {
                    let listed = format!("{} with a graph inside", shown(self.operator));
                    return Err(OnnxError::Operators { listed });
                }
                (field::attribute::SPARSE_TENSOR | field::attribute::SPARSE_TENSORS, _) => {
                    return Err(OnnxError::Sparse);
                }
                (field::attribute::TENSORS, _) => {
                    return Err(damaged(format!("{} has a list of tensors", shown(self.operator))));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
