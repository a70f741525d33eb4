mod company;
mod joining;
mod leaving;
mod proving;
mod settings;
mod signing_in;
