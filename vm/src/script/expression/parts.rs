//! The parts of a node.

use super::{Expressions, Node, NodeId};

impl Expressions {
    /// Appends the parts of a node in the order of the text, but for the element of a comprehension, which comes first.
    pub fn push_parts(&self, id: NodeId, into: &mut Vec<NodeId>) {
        self.push_parts_of(self.node(id), into);
    }

    /// The same for a node that is no member yet.
    pub(super) fn push_parts_of(&self, node: Node, into: &mut Vec<NodeId>) {
        match node {
            Node::None
            | Node::True
            | Node::False
            | Node::Ellipsis
            | Node::Integer(_)
            | Node::BigInteger(_)
            | Node::Float(_)
            | Node::Text(_)
            | Node::Name(_)
            | Node::Unpacked => {}
            Node::JoinedStr(list) | Node::Bool(_, list) | Node::List(list) | Node::Tuple(list) => {
                into.extend(self.nodes(list));
            }
            Node::Set(list) | Node::Dict(list) => into.extend(self.nodes(list)),
            Node::FormattedValue { value, spec, .. } => {
                into.extend(std::iter::once(value).chain(spec));
            }
            Node::Unary(_, value) | Node::Starred(value) | Node::Walrus { value, .. } => {
                into.push(value);
            }
            Node::Attribute { value, .. } | Node::Keyword { value, .. } => into.push(value),
            Node::Binary(_, left, right) => into.extend([left, right]),
            Node::Compare { left, operands, .. } => {
                into.push(left);
                into.extend(self.nodes(operands));
            }
            Node::Conditional {
                test,
                body,
                otherwise,
            } => into.extend([body, test, otherwise]),
            Node::Lambda { parameters, body } => {
                into.extend(
                    self.parameters(parameters)
                        .iter()
                        .filter_map(|one| one.default),
                );
                into.push(body);
            }
            Node::Subscript { value, index } => into.extend([value, index]),
            Node::Slice { lower, upper, step } => {
                into.extend([lower, upper, step].into_iter().flatten());
            }
            Node::Call {
                function,
                arguments,
                keywords,
            } => {
                into.push(function);
                into.extend(self.nodes(arguments).iter().chain(self.nodes(keywords)));
            }
            Node::ListComp { element, clauses }
            | Node::SetComp { element, clauses }
            | Node::Generator { element, clauses } => {
                into.push(element);
                into.extend(self.nodes(clauses));
            }
            Node::DictComp { pair, clauses } => {
                into.extend(self.nodes(pair).iter().chain(self.nodes(clauses)));
            }
            Node::Clause {
                target,
                iterable,
                conditions,
            } => {
                into.extend([target, iterable]);
                into.extend(self.nodes(conditions));
            }
        }
    }
}
