//! Making expressions node by node, for the front end of definitions.
//!
//! The maker keeps the two rules of [`super`]: parts before wholes, and no tree higher than
//! [`crate::limits::EXPRESSION_HEIGHT_MAX`] (the front end's scan for nesting sees to that).

use super::{
    CompareOp, Expressions, IntegerId, List, Node, NodeId, Nodes, Parameter, Text, TextId,
};
use crate::script::number::Integer;
use crate::script::span::Span;

impl Expressions {
    /// Add a node above its parts.
    pub fn push(&mut self, node: Node, span: Span) -> NodeId {
        self.nodes.push(node);
        self.spans.push(span);
        self.heights.push(1);
        NodeId(self.nodes.len() as u32 - 1)
    }

    /// Add a text.
    pub fn push_text(&mut self, text: Text) -> TextId {
        self.texts.push(text);
        TextId(self.texts.len() as u32 - 1)
    }

    /// Add a name or plain text.
    pub fn push_str(&mut self, text: &str) -> TextId {
        self.push_text(Text::Plain(text.into()))
    }

    /// Add an int beyond 64 bits.
    pub fn push_integer(&mut self, integer: Integer) -> IntegerId {
        self.integers.push(integer);
        IntegerId(self.integers.len() as u32 - 1)
    }

    /// Add a list of nodes.
    pub fn push_list(&mut self, nodes: &[NodeId]) -> Nodes {
        self.lists.extend_from_slice(nodes);
        List::new(self.lists.len() - nodes.len(), nodes.len())
    }

    /// Add operators of a comparison.
    pub fn push_compare_ops(&mut self, ops: &[CompareOp]) -> List<CompareOp> {
        self.compare_ops.extend_from_slice(ops);
        List::new(self.compare_ops.len() - ops.len(), ops.len())
    }

    /// Add parameters.
    pub fn push_parameters(&mut self, parameters: &[Parameter]) -> List<Parameter> {
        self.parameters.extend_from_slice(parameters);
        List::new(self.parameters.len() - parameters.len(), parameters.len())
    }
}
