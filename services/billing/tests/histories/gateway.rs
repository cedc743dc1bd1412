//! A gateway that keeps its promises.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use billing::domain::{Answer, Call, Code, Operation, Reference};
use billing::gateway::{GatewayError, PaymentGateway};
use kernel::{Money, OrderId};

/// What the gateway makes of the customer's means of payment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token {
    /// All works.
    Good,
    /// Nothing is held.
    Declined,
    /// Held, never taken.
    CaptureFails,
}

/// A gateway that gives its first answer to every repeat.
#[derive(Debug)]
pub struct ModelGateway {
    token: Token,
    answers: Mutex<BTreeMap<Operation, (Answer, Money)>>,
}

impl ModelGateway {
    pub fn new(token: Token) -> Self {
        Self { token, answers: Mutex::default() }
    }

    fn answers(&self) -> MutexGuard<'_, BTreeMap<Operation, (Answer, Money)>> {
        self.answers.lock().unwrap()
    }

    /// What really happened.
    pub fn effects(&self) -> Vec<(&'static str, Money)> {
        let refused = |answer: &Answer| {
            matches!(answer, Answer::Declined { .. } | Answer::CaptureRefused { .. } | Answer::VoidRefused)
        };
        let answers = self.answers();
        answers
            .iter()
            .filter(|(_, (answer, _))| !refused(answer))
            .map(|(op, (_, amount))| (op.name(), *amount))
            .collect()
    }

    /// 1 when the operation was asked for and answered, else 0.
    pub fn answered(&self, operation: &str) -> usize {
        usize::from(self.answers().keys().any(|known| known.name() == operation))
    }

    fn first_answer(&self, call: &Call, done: &BTreeMap<Operation, (Answer, Money)>) -> Answer {
        let reference = Reference::parse(&format!("{}_1", call.operation())).unwrap();
        let code = Code::parse("refused").unwrap();
        let held = matches!(done.get(&Operation::Authorize), Some((Answer::Authorized { .. }, _)));
        let taken = matches!(done.get(&Operation::Capture), Some((Answer::Captured { .. }, _)));
        let gone = done.contains_key(&Operation::Void);
        match call {
            Call::Authorize { .. } if self.token == Token::Declined => {
                Answer::Declined { reference: None, code }
            }
            Call::Authorize { .. } => Answer::Authorized { reference },
            Call::Capture { .. } if held && !gone && self.token == Token::Good => {
                Answer::Captured { reference }
            }
            Call::Capture { .. } => Answer::CaptureRefused { reference: None, code },
            Call::Void { .. } if held && !taken => Answer::Voided { reference },
            Call::Void { .. } => Answer::VoidRefused,
            Call::Refund { .. } => {
                assert!(taken, "a refund of what was never taken");
                Answer::Refunded { reference }
            }
        }
    }
}

impl PaymentGateway for &'static ModelGateway {
    async fn call(&self, _: OrderId, call: &Call) -> Result<Answer, GatewayError> {
        let mut answers = self.answers();
        if !answers.contains_key(&call.operation()) {
            let answer = self.first_answer(call, &answers);
            answers.insert(call.operation(), (answer, call.amount()));
        }
        Ok(answers[&call.operation()].0.clone())
    }
}
