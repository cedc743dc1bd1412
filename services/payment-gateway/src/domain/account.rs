//! What may happen to one order's money: authorized once, then captured or voided once, then refunded once.

use kernel::Money;

use super::{Code, Kind, Operation, Outcome, Quirk, Token};

/// One order's money. An order the gateway never authorized has no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Authorized, and so captured and refunded.
    pub amount: Money,
    /// What the token left behind.
    pub quirk: Quirk,
    /// Where the money is.
    pub state: Held,
}

/// Where an order's money is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Held for the shop.
    Authorized,
    /// With the shop.
    Captured,
    /// With the customer, never taken.
    Voided,
    /// With the customer, given back.
    Refunded,
}

/// What `operation` with `amount` comes to for an order with this account.
pub fn decide(account: Option<&Account>, operation: Operation, amount: Money) -> Outcome {
    let refusal = match operation {
        Operation::Authorize(token) => refuse_authorize(account, token),
        Operation::Capture => {
            account.map_or(Some(Code::NotAuthorized), |account| refuse_capture(account, amount))
        }
        Operation::Void => account.map_or(Some(Code::NothingToVoid), |account| refuse_void(account, amount)),
        Operation::Refund => {
            account.map_or(Some(Code::NotCaptured), |account| refuse_refund(account, amount))
        }
    };
    refusal.map_or(Outcome::Approved, Outcome::Declined)
}

fn refuse_authorize(account: Option<&Account>, token: Token) -> Option<Code> {
    match token {
        _ if account.is_some() => Some(Code::AlreadyAuthorized),
        Token::Declined => Some(Code::CardDeclined),
        Token::InsufficientFunds => Some(Code::InsufficientFunds),
        Token::Unknown => Some(Code::UnknownToken),
        Token::Fine | Token::Flaky | Token::Slow | Token::TimeoutAfterCharge | Token::CaptureFails => None,
    }
}

fn refuse_capture(account: &Account, amount: Money) -> Option<Code> {
    match account.state {
        Held::Authorized if account.quirk == Quirk::CaptureFails => Some(Code::CaptureRefused),
        Held::Authorized => mismatch(account, amount),
        Held::Captured | Held::Refunded => Some(Code::AlreadyCaptured),
        Held::Voided => Some(Code::AlreadyVoided),
    }
}

fn refuse_void(account: &Account, amount: Money) -> Option<Code> {
    match account.state {
        Held::Authorized => mismatch(account, amount),
        Held::Captured | Held::Refunded => Some(Code::AlreadyCaptured),
        Held::Voided => Some(Code::AlreadyVoided),
    }
}

fn refuse_refund(account: &Account, amount: Money) -> Option<Code> {
    match account.state {
        Held::Captured => mismatch(account, amount),
        Held::Refunded => Some(Code::AlreadyRefunded),
        Held::Authorized | Held::Voided => Some(Code::NotCaptured),
    }
}

fn mismatch(account: &Account, amount: Money) -> Option<Code> {
    (account.amount != amount).then_some(Code::AmountMismatch)
}

/// A ledger tells of an effect that the rules never allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {0} that the entries before it do not allow")]
pub struct Impossible(pub Kind);

/// The account after an approved operation.
pub fn evolve(
    account: Option<&Account>,
    kind: Kind,
    amount: Money,
    quirk: Quirk,
) -> Result<Account, Impossible> {
    let moved = |from: Held, to: Held| match account {
        Some(before) if before.state == from && before.amount == amount => {
            Ok(Account { state: to, ..*before })
        }
        _ => Err(Impossible(kind)),
    };
    match kind {
        Kind::Authorize if account.is_none() => Ok(Account { amount, quirk, state: Held::Authorized }),
        Kind::Authorize => Err(Impossible(kind)),
        Kind::Capture => moved(Held::Authorized, Held::Captured),
        Kind::Void => moved(Held::Authorized, Held::Voided),
        Kind::Refund => moved(Held::Captured, Held::Refunded),
    }
}

#[cfg(test)]
mod tests {
    use kernel::Currency;

    use super::*;

    const ALL: [Operation; 4] =
        [Operation::Authorize(Token::Fine), Operation::Capture, Operation::Void, Operation::Refund];

    fn eur(amount: i64) -> Money {
        Money::new(amount, Currency::parse("EUR").unwrap()).unwrap()
    }

    /// The answer to the last of `operations`, each for 10 EUR; the others must be approved.
    fn last(operations: &[Operation]) -> Outcome {
        let mut account = None;
        let (last, before) = operations.split_last().unwrap();
        for &operation in before {
            assert_eq!(decide(account.as_ref(), operation, eur(10)), Outcome::Approved, "{operation:?}");
            let quirk = if let Operation::Authorize(token) = operation { token.quirk() } else { Quirk::None };
            account = Some(evolve(account.as_ref(), operation.kind(), eur(10), quirk).unwrap());
        }
        decide(account.as_ref(), *last, eur(10))
    }

    #[test]
    fn each_token_is_authorized_or_declined_for_its_own_reason() {
        let authorize = |text| last(&[Operation::Authorize(Token::read(text))]);
        for good in ["tok_ok", "tok_flaky", "tok_slow", "tok_timeout_after_charge", "tok_capture_fails"] {
            assert_eq!(authorize(good), Outcome::Approved, "{good}");
        }
        assert_eq!(authorize("tok_declined"), Outcome::Declined(Code::CardDeclined));
        assert_eq!(authorize("tok_insufficient_funds"), Outcome::Declined(Code::InsufficientFunds));
        for unknown in ["tok_OK", "", "visa", "tok_ok "] {
            assert_eq!(authorize(unknown), Outcome::Declined(Code::UnknownToken), "{unknown}");
        }
    }

    #[test]
    fn every_operation_in_every_state_has_a_written_answer() {
        use Code::{
            AlreadyAuthorized, AlreadyCaptured, AlreadyRefunded, AlreadyVoided, NotAuthorized, NotCaptured,
            NothingToVoid,
        };
        let authorize = Operation::Authorize(Token::Fine);
        let table: [(&[Operation], [Option<Code>; 4]); 5] = [
            (&[], [None, Some(NotAuthorized), Some(NothingToVoid), Some(NotCaptured)]),
            (&[authorize], [Some(AlreadyAuthorized), None, None, Some(NotCaptured)]),
            (
                &[authorize, Operation::Capture],
                [Some(AlreadyAuthorized), Some(AlreadyCaptured), Some(AlreadyCaptured), None],
            ),
            (
                &[authorize, Operation::Void],
                [Some(AlreadyAuthorized), Some(AlreadyVoided), Some(AlreadyVoided), Some(NotCaptured)],
            ),
            (
                &[authorize, Operation::Capture, Operation::Refund],
                [
                    Some(AlreadyAuthorized),
                    Some(AlreadyCaptured),
                    Some(AlreadyCaptured),
                    Some(AlreadyRefunded),
                ],
            ),
        ];
        for (before, refusals) in table {
            for (operation, refusal) in ALL.into_iter().zip(refusals) {
                let expected = refusal.map_or(Outcome::Approved, Outcome::Declined);
                assert_eq!(last(&[before, &[operation]].concat()), expected, "{before:?} {operation:?}");
            }
        }
    }

    #[test]
    fn a_capture_that_fails_can_still_be_voided() {
        let authorize = Operation::Authorize(Token::CaptureFails);
        assert_eq!(last(&[authorize, Operation::Capture]), Outcome::Declined(Code::CaptureRefused));
        assert_eq!(last(&[authorize, Operation::Void]), Outcome::Approved);
    }

    #[test]
    fn another_amount_or_currency_is_declined() {
        let account = Account { amount: eur(10), quirk: Quirk::None, state: Held::Authorized };
        let captured = Account { state: Held::Captured, ..account };
        let usd = Money::new(10, Currency::parse("USD").unwrap()).unwrap();
        for other in [eur(9), eur(11), usd] {
            let mismatch = Outcome::Declined(Code::AmountMismatch);
            assert_eq!(decide(Some(&account), Operation::Capture, other), mismatch);
            assert_eq!(decide(Some(&account), Operation::Void, other), mismatch);
            assert_eq!(decide(Some(&captured), Operation::Refund, other), mismatch);
        }
    }

    #[test]
    fn what_was_never_approved_cannot_be_on_a_ledger() {
        for kind in [Kind::Capture, Kind::Void, Kind::Refund] {
            assert_eq!(evolve(None, kind, eur(10), Quirk::None), Err(Impossible(kind)));
        }
        let account = evolve(None, Kind::Authorize, eur(10), Quirk::None).unwrap();
        assert_eq!(
            evolve(Some(&account), Kind::Capture, eur(9), Quirk::None),
            Err(Impossible(Kind::Capture))
        );
        assert_eq!(
            evolve(Some(&account), Kind::Authorize, eur(10), Quirk::None),
            Err(Impossible(Kind::Authorize))
        );
    }
}
