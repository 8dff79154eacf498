//! What may stand between `for` and `in`.

use super::error::SyntaxError;
use super::parser::Parser;
use super::{Node, NodeId};

impl Parser<'_> {
    /// Refuses what cannot be assigned to. Works through tuples in tuples without recursion.
    pub(super) fn check_target(&mut self, target: NodeId) -> Result<(), SyntaxError> {
        let built = self.built();
        let mut open = vec![target];
        while let Some(target) = open.pop() {
            let what = match built.node(target) {
                Node::Name(_) | Node::Attribute { .. } | Node::Subscript { .. } => continue,
                Node::Starred(inner) => {
                    if let Node::Starred(_) = built.node(inner) {
                        return Err(SyntaxError::new("invalid syntax", built.span(inner)));
                    }
                    open.push(inner);
                    continue;
                }
                Node::Tuple(members) | Node::List(members) => {
                    let members = built.nodes(members);
                    let starred = members
                        .iter()
                        .filter(|&&member| matches!(built.node(member), Node::Starred(_)));
                    if starred.count() > 1 {
                        return Err(SyntaxError::new(
                            "multiple starred expressions in assignment",
                            built.span(target),
                        ));
                    }
                    open.extend_from_slice(members);
                    continue;
                }
                Node::Call { .. } => "function call",
                Node::None => "None",
                Node::True => "True",
                Node::False => "False",
                Node::Ellipsis => "ellipsis",
                Node::Integer(_) | Node::BigInteger(_) | Node::Float(_) | Node::Text(_) => {
                    "literal"
                }
                Node::JoinedStr(_) => "f-string expression",
                _ => "expression",
            };
            return Err(SyntaxError::new(
                format!("cannot assign to {what}"),
                built.span(target),
            ));
        }
        Ok(())
    }
}
